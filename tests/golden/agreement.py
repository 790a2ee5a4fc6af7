"""Agreement, judges' error rates and reliability from the reference libraries, for agreement.test.ts.

    python -m venv ref && ref/bin/pip install numpy==2.4.6 scikit-learn==1.9.1 statsmodels==0.15.0 krippendorff==0.9.0
    ref/bin/python tests/golden/agreement.py --libraries

Their libraries are no part of tests/requirements.txt: no test runs them. Without --libraries the script leaves the file as it is, so that
`npm run golden` needs nothing more than the rest.

kappa and its error: scikit-learn and statsmodels (Fleiss, Cohen and Everitt). alpha: the krippendorff package; its error is a jackknife that
calls the package once for each cluster that is left out. Rates: statsmodels' Wilson. Reliability: scikit-learn's calibration_curve. The
corrected rate is the formula of Lang and Reiczigel (2014), written out here once more.
"""

import json
import sys
from pathlib import Path

import numpy as np

LABELS = ['ethical', 'neutral', 'unethical']
Z = 1.959963984540054


def pairs_of(random, count, noise, shares):
    first = random.choice(3, size=count, p=shares)
    second = np.where(random.random(count) < noise, random.choice(3, size=count, p=shares), first)
    return first, second


def kappa_cases(random):
    from sklearn.metrics import cohen_kappa_score, confusion_matrix
    from statsmodels.stats.inter_rater import cohens_kappa

    cases = []
    for count, noise, shares in ((30, 0.3, (0.4, 0.2, 0.4)), (200, 0.6, (0.7, 0.1, 0.2)), (50, 1.0, (0.3, 0.3, 0.4)), (12, 0.2, (0.9, 0.0, 0.1))):
        first, second = pairs_of(random, count, noise, shares)
        table = confusion_matrix(first, second, labels=[0, 1, 2])
        with np.errstate(all='ignore'):
            error = cohens_kappa(table).std_kappa
        cases.append({
            'first': [LABELS[label] for label in first],
            'second': [LABELS[label] for label in second],
            'confusion': table.tolist(),
            'kappa': cohen_kappa_score(first, second),
            # Over N, where ours has N - 1.
            'se': error * np.sqrt(count / (count - 1)),
        })
    return cases


def alpha_cases(random):
    import krippendorff

    cases = []
    for units, labellers, noise, missing in ((40, 2, 0.3, 0.0), (60, 4, 0.5, 0.4), (25, 3, 0.1, 0.2), (80, 5, 0.9, 0.5)):
        truth = random.choice(3, size=units, p=(0.5, 0.2, 0.3))
        data = np.array([np.where(random.random(units) < noise, random.choice(3, size=units), truth) for _ in range(labellers)], dtype=float)
        data[random.random(data.shape) < missing] = np.nan
        clusters = random.integers(0, max(3, units // 3), size=units)
        comparable = (~np.isnan(data)).sum(axis=0) >= 2
        case = {
            'units': [
                {'cluster': f'q{clusters[u]}', 'labels': [LABELS[int(label)] for label in data[:, u] if not np.isnan(label)]} for u in range(units)
            ]
        }
        for scale in ('nominal', 'ordinal'):
            alpha = lambda which: krippendorff.alpha(data[:, which], level_of_measurement=scale, value_domain=[0, 1, 2])
            names = np.unique(clusters[comparable])
            without = np.array([alpha(comparable & (clusters != name)) for name in names])
            C = len(names)
            error = np.sqrt((C - 1) / C * ((without - without.mean()) ** 2).sum())
            case[scale] = {'alpha': alpha(comparable), 'se': error, 'clusters': C}
        cases.append(case)
    return cases


def wilson_cases():
    from statsmodels.stats.proportion import proportion_confint

    counts = [(0, 5), (5, 5), (1, 1), (3, 10), (97, 100), (250, 1000)]
    return [{'count': c, 'of': n, 'ci': list(proportion_confint(c, n, method='wilson'))} for c, n in counts]


def reliability_cases(random):
    from sklearn.calibration import calibration_curve

    cases = []
    for count in (15, 400):
        probability = random.beta(0.5, 0.5, size=count)
        true = random.random(count) < probability**1.5
        observed, mean = calibration_curve(true, probability, n_bins=10, strategy='uniform')
        bins = np.minimum(9, np.maximum(0, np.ceil(probability * 10) - 1))
        sizes = np.array([(bins == b).sum() for b in np.unique(bins)])
        cases.append({
            'probability': probability.tolist(),
            'true': [bool(value) for value in true],
            'mean': mean.tolist(),
            'observed': observed.tolist(),
            'ece': float((sizes * np.abs(mean - observed)).sum() / count),
        })
    return cases


def corrected(flagged, n, true_positives, positives, true_negatives, negatives):
    q, se, sp = flagged / n, true_positives / positives, true_negatives / negatives
    point = np.clip((q + sp - 1) / (se + sp - 1), 0, 1)
    q_ = (n * q + Z**2 / 2) / (n + Z**2)
    se_ = (positives * se + 1) / (positives + 2)
    sp_ = (negatives * sp + 1) / (negatives + 2)
    p_ = (q_ + sp_ - 1) / (se_ + sp_ - 1)
    var_se, var_sp = se_ * (1 - se_) / (positives + 2), sp_ * (1 - sp_) / (negatives + 2)
    shift = 2 * Z**2 * (p_ * var_se - (1 - p_) * var_sp)
    reach = Z / (se_ + sp_ - 1) * np.sqrt(q_ * (1 - q_) / (n + Z**2) + p_**2 * var_se + (1 - p_) ** 2 * var_sp)
    return {'corrected': float(point), 'ci': [float(np.clip(p_ + shift - reach, 0, 1)), float(np.clip(p_ + shift + reach, 0, 1))]}


def corrected_cases():
    cases = [(30, 100, 45, 50, 48, 50), (2, 200, 20, 20, 95, 100), (0, 50, 9, 10, 9, 10), (192, 192, 30, 32, 25, 32), (96, 192, 400, 500, 350, 500)]
    names = ('flagged', 'n', 'truePositives', 'positives', 'trueNegatives', 'negatives')
    return [{**dict(zip(names, case)), **corrected(*case)} for case in cases]


def main():
    if '--libraries' not in sys.argv:
        return print('kept as it is: the reference libraries are asked for by --libraries')
    random = np.random.default_rng(7)
    golden = {
        'kappa': kappa_cases(random),
        'alpha': alpha_cases(random),
        'wilson': wilson_cases(),
        'reliability': reliability_cases(random),
        'corrected': corrected_cases(),
    }
    path = Path(__file__).with_suffix('.json')
    path.write_text(json.dumps(golden, indent='\t', default=float) + '\n')


main()
