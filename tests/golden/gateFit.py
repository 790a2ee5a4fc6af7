"""scikit-learn's own logistic regression, for gateFit.test.ts.

    python tests/golden/gateFit.py      (scikit-learn 1.9, NumPy 2.4: pip install scikit-learn)

No test run needs it, so it is not in tests/requirements.txt. Features are drawn here and rounded so that JSON holds them
exactly: one that always says the same (as the memory does where there is none), two that are nearly collinear, labels that
are rare, and rows that a line parts completely, which only the penalty keeps finite.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(8)
NAMES = ['ended', 'logTokens', 'meanLogp', 'position', 'memoryHit']


def draw(n, separable):
    ended = (rng.random(n) < 0.9).astype(float)
    tokens = np.log1p(rng.integers(1, 48, n))
    logp = -np.abs(rng.normal(0.4, 0.3, n))
    position = 2 * rng.random(n) - 1 + 0.2 * logp
    x = np.round(np.stack([ended, tokens, logp, position, np.zeros(n)], axis=1), 6)
    if separable:
        return x, x[:, 3] > 0.3
    score = 4 * x[:, 3] - 0.7 * x[:, 1] + x[:, 0] - 0.5
    return x, rng.random(n) < 1 / (1 + np.exp(-score))


def fit(n, separable, l2):
    x, y = draw(n, separable)
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1 / l2, solver='newton-cholesky', tol=1e-12, max_iter=1000).fit(scaler.transform(x), y)
    unseen, _ = draw(20, separable)
    return {
        'l2': l2,
        'features': x.tolist(),
        'labels': y.tolist(),
        'mean': scaler.mean_.tolist(),
        'scale': scaler.scale_.tolist(),
        'weights': model.coef_[0].tolist(),
        'intercept': float(model.intercept_[0]),
        'unseen': unseen.tolist(),
        'probabilities': model.predict_proba(scaler.transform(unseen))[:, 1].tolist(),
    }


fits = {
    'ordinary': fit(120, False, 1.0),
    'strong penalty': fit(80, False, 25.0),
    'nearly no penalty': fit(150, False, 0.001),
    'separable': fit(60, True, 0.5),
}
out = Path(__file__).with_suffix('.json')
out.write_text(json.dumps({'names': NAMES, 'fits': fits}) + '\n')
