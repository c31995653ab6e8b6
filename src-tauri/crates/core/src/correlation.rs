//! How strongly two conditions go together: normalised pointwise mutual information.

/// How often two conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooccurrence {
    /// How often the first holds.
    pub first: i64,
    /// How often the second holds.
    pub second: i64,
    /// How often both hold.
    pub both: i64,
    /// How often they could.
    pub total: i64,
}

/// What keeps few observations from saying too much (Jeffreys' prior).
const SMOOTHING: f64 = 0.5;

impl Cooccurrence {
    /// From -1, never together, over 0, independent, to 1, always together; `None` where
    /// one of them never holds.
    pub fn npmi(&self) -> Option<f64> {
        let cells = self.cells()?;
        if self.both == 0 { Some(-1.0) } else { npmi(cells) }
    }

    /// The same with half an observation added to each case.
    pub fn npmi_smoothed(&self) -> Option<f64> {
        npmi(self.cells()?.map(|cell| cell + SMOOTHING))
    }

    /// Both, the first alone, the second alone, neither.
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    fn cells(&self) -> Option<[f64; 4]> {
        let Self { first, second, both, total } = *self;
        let cells = [both, first - both, second - both, total - first - second + both];
        let known = total > 0 && first > 0 && second > 0 && cells.iter().all(|cell| *cell >= 0);
        known.then(|| cells.map(|cell| cell as f64))
    }
}

fn npmi([both, first, second, neither]: [f64; 4]) -> Option<f64> {
    if both <= 0.0 {
        return None;
    }
    if first + second + neither == 0.0 {
        return Some(1.0);
    }
    let total = both + first + second + neither;
    let mutual = (both.ln() + total.ln()) - ((both + first).ln() + (both + second).ln());
    Some((mutual / (total.ln() - both.ln())).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(both: i64, first: i64, second: i64, total: i64) -> Cooccurrence {
        Cooccurrence { first, second, both, total }
    }

    fn near(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn extremes() {
        near(of(10, 10, 10, 10).npmi(), 1.0);
        near(of(10, 10, 10, 100).npmi(), 1.0);
        near(of(0, 5, 5, 100).npmi(), -1.0);
        near(of(25, 50, 50, 100).npmi(), 0.0);
        assert_eq!(of(0, 0, 5, 100).npmi(), None);
        assert_eq!(of(0, 5, 0, 100).npmi_smoothed(), None);
        assert_eq!(of(0, 0, 0, 0).npmi(), None);
        assert_eq!(of(6, 5, 5, 10).npmi(), None, "counts that cannot be");
    }

    /// The numbers come from MLflow's own function.
    #[test]
    fn values() {
        near(of(10, 20, 15, 100).npmi(), 0.5228787452803378);
        near(of(10, 20, 15, 100).npmi_smoothed(), 0.5098689991831412);
        near(of(0, 5, 5, 100).npmi_smoothed(), 0.06549432782099394);
    }
}
