//! What it costs to load this repository's project: the index of all cases, one case, and
//! everything. Who runs one case again waits for the second. `make bench`.

use std::path::Path;

use criterion::Criterion;
use crosswire::project::{Project, Wanted};

/// A small one among many.
const CASE: &str = "fibonacci/sequence/one";

fn main() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crosswire.toml");
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for (name, wanted) in [
        ("index", Wanted::Nothing),
        ("one case", Wanted::Case(CASE)),
        ("everything", Wanted::Everything),
    ] {
        criterion.bench_function(&format!("load/{name}"), |bencher| {
            bencher.iter(|| Project::load(Some(&manifest), wanted).expect("the project is right"));
        });
    }
    criterion.final_summary();
}
