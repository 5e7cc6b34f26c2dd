//! `junit.xml`, which CI systems read: a test suite for each cell.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    judge::{Judgement, Verdict},
    results::Record,
    text::printable,
};

/// The whole file.
///
/// # Errors
/// The text cannot be made XML, which would be a defect of the library.
pub fn junit(records: &[Record<'_>]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("crosswire");
    for record in records {
        let name = format!("{} server, {} client", record.server, record.client);
        if report.test_suites.last().is_none_or(|suite| suite.name.as_str() != name) {
            report.add_test_suite(TestSuite::new(name.as_str()));
        }
        let suite = report.test_suites.last_mut().expect("a suite was just added");
        let mut case = TestCase::new(record.case.name.as_str(), status(record));
        case.set_classname(name);
        case.set_time(record.duration);
        suite.add_test_case(case);
    }
    report.to_string()
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
