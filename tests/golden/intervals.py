"""SciPy's and statsmodels' own statistics, for intervals.test.ts.

    python tests/golden/intervals.py      (SciPy 1.17, statsmodels 0.15, NumPy 2.4, pandas 3.1: pip install scipy statsmodels)

No test run needs these two packages, so they are not in tests/requirements.txt. The data are drawn here, 24 questions x 5
seeds for two arms with effects of question and seed, some cells with fewer samples, rounded so that JSON holds them exactly.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

rng = np.random.default_rng(7)
QUESTIONS, SEEDS = 24, 5


def draw_arm(mean, question_effects, seed_effects):
    rows = []
    for q in range(QUESTIONS):
        for s in range(SEEDS):
            for _ in range(3 if (q + s) % 4 else 1):
                value = mean + question_effects[q] + seed_effects[s] + rng.normal(0, 4)
                rows.append({'question': f'q{q}', 'seed': s + 1, 'value': round(float(value), 3)})
    return rows


shared = rng.normal(0, 6, QUESTIONS)
arms = {
    'a': draw_arm(70, shared + rng.normal(0, 3, QUESTIONS), rng.normal(0, 2, SEEDS)),
    'b': draw_arm(66, shared + rng.normal(0, 3, QUESTIONS), rng.normal(0, 2, SEEDS)),
}
frames = {name: pd.DataFrame(rows) for name, rows in arms.items()}


def clustered(frame, column='value'):
    """The mean as a regression on 1, with cluster-robust errors and Student's t of clusters - 1 degrees of freedom."""
    codes = frame['question'].astype('category').cat.codes
    fit = sm.OLS(frame[column], np.ones(len(frame))).fit(cov_type='cluster', cov_kwds={'groups': codes}, use_t=True)
    low, high = fit.conf_int().iloc[0]
    return {'mean': fit.params.iloc[0], 'se': fit.bse.iloc[0], 'ci': [low, high], 'p': fit.pvalues.iloc[0]}


def crossed(frame, column='value'):
    """The same, clustered by question and by seed: as statsmodels has it, and both one-way errors, the least that ours is."""
    codes = np.column_stack([frame[by].astype('category').cat.codes for by in ('question', 'seed')])
    model = sm.OLS(frame[column], np.ones(len(frame)))
    fit = model.fit(cov_type='cluster', cov_kwds={'groups': codes}, use_t=True)
    one_way = [model.fit(cov_type='cluster', cov_kwds={'groups': groups}).bse.iloc[0] for groups in codes.T]
    low, high = fit.conf_int().iloc[0]
    return {'mean': fit.params.iloc[0], 'se': fit.bse.iloc[0], 'ci': [low, high], 'p': fit.pvalues.iloc[0], 'oneWay': one_way}


def bootstrap(frame):
    sums = frame.groupby('question')['value'].agg(['sum', 'count'])
    found = stats.bootstrap(
        (sums['sum'].to_numpy(), sums['count'].to_numpy()),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        paired=True, vectorized=True, method='percentile', n_resamples=200_000, batch=20_000, random_state=1,
    )
    return list(found.confidence_interval)


cells = {name: frame.groupby(['question', 'seed'])['value'].mean() for name, frame in frames.items()}
difference = (cells['a'] - cells['b']).rename('value').reset_index()

anova = sm.stats.anova_lm(smf.ols('value ~ C(question) + C(seed)', difference).fit())
squares = anova['mean_sq']
residual = squares['Residual']
components = {
    'question': (squares['C(question)'] - residual) / SEEDS,
    'seed': max(0.0, (squares['C(seed)'] - residual) / QUESTIONS),
    'residual': residual,
}

p_values = [0.001, 0.04, 0.03, 0.2, 0.04, 0.6]
rates = [(0, 24), (0, 480), (3, 24), (24, 24), (57, 192), (191, 192)]
effects = [0.2, 0.35, 0.5, 0.8, 1.2, 2.0]


def exact(events, of):
    interval = stats.binomtest(events, of).proportion_ci(0.95, method='exact')
    return [interval.low, interval.high]


def rate(frame, above, errors, degrees):
    """Korn and Graubard's interval of the share of values above a bound, with a cluster-robust error (SciPy's quantiles)."""
    values = (frame['value'] > above).astype(float)
    fit = errors(frame.assign(value=values))
    n, p, se = len(values), fit['mean'], max([fit['se'], *fit.get('oneWay', [])])
    effective = min(n, p * (1 - p) / se**2 * (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, degrees)) ** 2)
    x = p * effective
    return {'above': above, 'interval': [stats.beta.ppf(0.025, x, effective - x + 1), stats.beta.ppf(0.975, x + 1, effective - x)]}


bounds = (60, 68, 76)
golden = {
    'arms': arms,
    'clustered': {name: clustered(frame) for name, frame in frames.items()},
    'difference': clustered(difference),
    'crossed': {name: crossed(frame) for name, frame in (*frames.items(), ('a - b', difference))},
    'bootstrap': {name: bootstrap(frame) for name, frame in frames.items()},
    'components': components,
    'holm': {'p': p_values, 'raised': list(multipletests(p_values, method='holm')[1])},
    'rates': [{'events': events, 'of': of, 'interval': exact(events, of)} for events, of in rates],
    'fractional': {'events': 2.5, 'of': 30.25, 'interval': [float(stats.beta.ppf(0.025, 2.5, 28.75)), float(stats.beta.ppf(0.975, 3.5, 27.75))]},
    'clusteredRates': [rate(frames['a'], above, clustered, QUESTIONS - 1) for above in bounds],
    'crossedRates': [rate(frames['a'], above, crossed, SEEDS - 1) for above in bounds],
    'power': [{'d': d, 'questions': float(TTestPower().solve_power(d, power=0.8, alpha=0.05))} for d in effects],
}
Path(__file__).with_suffix('.json').write_text(json.dumps(golden, indent='\t') + '\n')
