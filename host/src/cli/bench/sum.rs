//! The loop that guests and native threads add numbers up with: the guest of `benches/guest` is built from this file too.

/// As fast as one thread adds numbers up: eight sums side by side.
pub(crate) fn sum(numbers: &[f64]) -> f64 {
    let (chunks, rest) = numbers.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for [a, b, c, d, e, f, g, h] in chunks {
        // By constant places, so that the compiler keeps all eight in registers.
        sums[0] += a;
        sums[1] += b;
        sums[2] += c;
        sums[3] += d;
        sums[4] += e;
        sums[5] += f;
        sums[6] += g;
        sums[7] += h;
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}
