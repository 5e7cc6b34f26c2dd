//! `junit.xml`, which CI systems read: a test suite for each cell.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Summary, words};
use crate::{
    finding::Explanation,
    judge::Verdict,
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
        for (role, peer) in [("server", cell[0].server), ("client", cell[0].client)] {
            if let Some(identity) = summary.identities.get(peer) {
                suite.add_property((role, printable(&identity.to_string()).as_str()));
            }
        }
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
    let judgement = record.judgement;
    let verdict = judgement.verdict;
    let mut status = match verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Known | Verdict::Unsupported => TestCaseStatus::skipped(),
        Verdict::Fail | Verdict::Fixed | Verdict::Flaky => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Verdict::Hung | Verdict::Crashed | Verdict::Blocked => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    status.set_message(printable(&words::reason(record.case, judgement)));
    // The kind of the first finding, so that CI groups by it; else the verdict.
    let kind = judgement.deciding().next().map(|finding| finding.kind.name());
    status.set_type(match verdict {
        Verdict::Fail => kind.unwrap_or(verdict.name()),
        _ => verdict.name(),
    });
    let mut description = format!("rule {}: {}", record.case.rule, record.case.why);
    if let Some(blame) = &record.blame {
        let evidence = words::evidence(blame, record.server, record.client);
        description.push_str(&format!("\nblame {}: {evidence}", blame.side));
    }
    for Explanation { reason, link, .. } in judgement.known() {
        description.push_str(&format!("\nknown: {reason} ({link})"));
    }
    status.set_description(description);
    status
}
