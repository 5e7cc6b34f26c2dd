//! The detector beside one plain pass over the same memory, which no detector
//! can beat, and beside NumPy, which it has to agree with: `cargo bench -p interop`.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use interop::detect;

/// The article's request, about what fits in a gRPC message of 4 MiB, and more
/// than a cache holds.
const LENGTHS: [usize; 3] = [1_000, 100_000, 10_000_000];

/// The interpreter of the Python peer, which has NumPy.
const PYTHON: &str = "py/.venv/bin/python";

/// Times the article's expression on the float64s of the file that it is given;
/// prints the best time of one evaluation, in seconds, and how many outliers
/// there are.
const NUMPY_SCRIPT: &str = "
import sys, time
import numpy as np
data = np.fromfile(sys.argv[1])
repeats = max(1, 2_000_000 // len(data))
best = float('inf')
for _ in range(20):
    start = time.perf_counter()
    for _ in range(repeats):
        found = np.where(np.abs(data - data.mean()) > 2 * data.std())[0]
    best = min(best, (time.perf_counter() - start) / repeats)
print(best, len(found))
";

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let rows = LENGTHS.map(|length| Row::measure(&mut criterion, length));
    criterion.final_summary();
    print_table(&rows);
}

/// The best times of one length, in seconds.
struct Row {
    length: usize,
    detect: f64,
    read_pass: f64,
    numpy: Option<f64>,
}

impl Row {
    fn measure(criterion: &mut Criterion, length: usize) -> Self {
        let values = values(length);
        let outliers = detect::outliers(&values).count();
        Self {
            length,
            detect: best_time(criterion, "detect", &values, |values| {
                detect::outliers(values).fold(0, |sum, index| sum ^ index)
            }),
            read_pass: best_time(criterion, "read pass", &values, read_pass),
            numpy: numpy_time(&values, outliers),
        }
    }
}

/// Uniform from 0 to 40 as in the article, with one outlier in a thousand.
fn values(length: usize) -> Vec<f64> {
    let mut state = 1_u64;
    (0..length)
        .map(|index| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            if index % 1_000 == 113 { 97.3 } else { unit * 40.0 }
        })
        .collect()
}

/// Reads every value once, in as many lanes as the detector sums in.
fn read_pass(values: &[f64]) -> u64 {
    let (rows, rest) = values.as_chunks::<8>();
    let mut lanes = [0; 8];
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane ^= value.to_bits();
        }
    }
    lanes.into_iter().chain(rest.iter().map(|value| value.to_bits())).fold(0, |a, b| a ^ b)
}

/// Has criterion measure it, and keeps the best of its samples for the table.
fn best_time<T>(
    criterion: &mut Criterion,
    name: &str,
    values: &[f64],
    run: impl Fn(&[f64]) -> T,
) -> f64 {
    let mut best = f64::INFINITY;
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(values.len() as u64));
    group.bench_function(BenchmarkId::from_parameter(values.len()), |bencher| {
        bencher.iter_custom(|iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(run(black_box(values)));
            }
            let elapsed = start.elapsed();
            best = best.min(elapsed.as_secs_f64() / iterations as f64);
            elapsed
        });
    });
    group.finish();
    best
}

/// `None` if there is no NumPy to compare with.
fn numpy_time(values: &[f64], outliers: usize) -> Option<f64> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(PYTHON);
    if !python.exists() {
        return None;
    }
    let file = write_values(values).expect("room for the values");
    let output = Command::new(&python).arg("-c").arg(NUMPY_SCRIPT).arg(&file).output();
    fs::remove_file(&file).expect("the file is ours");
    let output = output.expect("an interpreter");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let Some((time, found)) = stdout.trim().split_once(' ') else {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!(found.parse(), Ok(outliers), "NumPy finds as many outliers");
    Some(time.parse().expect("a time"))
}

fn write_values(values: &[f64]) -> io::Result<PathBuf> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("values.f64");
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    fs::write(&file, bytes)?;
    Ok(file)
}

fn print_table(rows: &[Row]) {
    println!("best times, in nanoseconds a value");
    println!(
        "{:>12} {:>9} {:>9} {:>9} {:>15} {:>19}",
        "values", "detect", "read pass", "NumPy", "NumPy : detect", "detect : read pass"
    );
    for row in rows {
        let nanoseconds = |seconds: f64| seconds * 1e9 / row.length as f64;
        let (numpy, speedup) = match row.numpy {
            Some(numpy) => {
                (format!("{:.3}", nanoseconds(numpy)), format!("{:.1}", numpy / row.detect))
            }
            None => ("-".to_owned(), "-".to_owned()),
        };
        println!(
            "{:>12} {:>9.3} {:>9.3} {numpy:>9} {speedup:>15} {:>19.1}",
            row.length,
            nanoseconds(row.detect),
            nanoseconds(row.read_pass),
            row.detect / row.read_pass,
        );
    }
    if rows.iter().any(|row| row.numpy.is_none()) {
        println!("not compared with NumPy: there is no {PYTHON}; `make py` makes it");
    }
}
