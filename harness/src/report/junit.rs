//! `junit.xml`, which CI systems read: a test suite for each cell.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Summary;
use crate::{
    judge::{Judgement, Verdict},
    results::Record,
    text::{count, printable},
};

/// The whole file.
///
/// # Errors
/// The text cannot be made XML, which would be a defect of the library.
pub fn junit(
    records: &[Record<'_>],
    summary: &Summary,
) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("crosswire");
    for cell in records.chunk_by(|one, next| cell_name(one) == cell_name(next)) {
        let name = cell_name(&cell[0]);
        let mut suite = TestSuite::new(name.as_str());
        for record in cell {
            let mut case = TestCase::new(record.case.name.as_str(), status(record));
            case.set_classname(name.as_str());
            case.set_time(record.duration);
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    if let Some(why) = &summary.stopped {
        report.add_test_suite(stopped_early(why, summary.counts.not_run));
    }
    report.to_string()
}

/// A run that was cut off must not read as a green one.
fn stopped_early(why: &str, not_run: usize) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(format!("stopped early: {why}; {} not run", count(not_run, "trial")));
    let mut suite = TestSuite::new("the run");
    suite.add_test_case(TestCase::new("runs to its end", status));
    suite
}

fn cell_name(record: &Record<'_>) -> String {
    format!("{} server, {} client", record.server, record.client)
}

fn status(record: &Record<'_>) -> TestCaseStatus {
    let Judgement { verdict, reason, .. } = record.judgement;
    let mut status = match verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Known | Verdict::Unsupported => TestCaseStatus::skipped(),
        Verdict::Fail | Verdict::Fixed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Hung | Verdict::Crashed | Verdict::Blocked => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    status.set_message(printable(reason));
    status.set_type(verdict.name());
    let mut description = format!("rule {}: {}", record.case.rule, record.case.why);
    if let Some(blame) = &record.blame {
        description.push_str(&format!("\nblame {}: {}", blame.side, blame.evidence));
    }
    if let (Some(known), Verdict::Known) = (record.known, verdict) {
        description.push_str(&format!("\nknown: {} ({})", known.reason, known.link));
    }
    status.set_description(description);
    status
}
