//! Running means and deviations: features on one scale for methods that need it.

/// Deviations beyond this say no more.
const Z_MAX: f64 = 5.0;

/// Mean and variance of one column.
///
/// # Source
/// Welford 1962.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    n: f64,
    mean: f64,
    sum_of_squares: f64,
}

impl Moments {
    /// Returns how many deviations a value is off the mean, at most 5 either way.
    pub(super) fn z(&self, value: f64) -> f64 {
        if self.n < 2.0 || self.sum_of_squares <= 0.0 {
            return 0.0;
        }
        let sd = libm::sqrt(self.sum_of_squares / self.n);
        ((value - self.mean) / sd).clamp(-Z_MAX, Z_MAX)
    }

    /// Learns a value.
    pub(super) fn learn(&mut self, value: f64) {
        self.n += 1.0;
        let off = value - self.mean;
        self.mean += off / self.n;
        self.sum_of_squares += off * (value - self.mean);
    }
}

/// Moments of every column.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningScaler(Vec<Moments>);

impl RunningScaler {
    /// Writes a row into `out`, scaled to 0–1 with the mean at ½.
    pub(super) fn scale(&self, row: &[f64], out: &mut Vec<f32>) {
        out.clear();
        let moments = self.0.iter().copied().chain(std::iter::repeat(Moments::default()));
        out.extend(row.iter().zip(moments).map(|(&v, m)| (0.5 + m.z(v) / (2.0 * Z_MAX)) as f32));
    }

    /// Learns a row.
    pub(super) fn learn(&mut self, row: &[f64]) {
        self.0.resize(row.len(), Moments::default());
        for (moments, &value) in self.0.iter_mut().zip(row) {
            moments.learn(value);
        }
    }
}
