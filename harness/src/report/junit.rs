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
    report.to_string()
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
