//! `pb.Outliers`.

use mutants::{mutant::Mutant, planted::planted};

use super::{Answer, detector::outliers};
use crate::{
    grpc::status::{Status, code},
    protobuf::{
        Malformed,
        outliers::{OutliersRequest, OutliersResponse},
    },
};

pub(super) fn detect(request: &[u8]) -> Result<Answer, Malformed> {
    let mut metrics = OutliersRequest::read(request)?.metrics;
    if planted(Mutant::SortsByTime) {
        metrics.sort_by_key(|metric| metric.time.as_ref().map(|time| (time.seconds, time.nanos)));
    }
    if planted(Mutant::SkipsNameless) {
        metrics.retain(|metric| !metric.name.is_empty());
    }
    let mut values: Vec<f64> = metrics.iter().map(|metric| metric.value).collect();
    if values.is_empty() && planted(Mutant::NothingIsAnError) {
        return Ok(Answer::failure(Status::new(code::INVALID_ARGUMENT, "no metrics")));
    }
    if planted(Mutant::NanIsAnError) && values.iter().any(|value| !value.is_finite()) {
        return Ok(Answer::failure(Status::new(code::INVALID_ARGUMENT, "not a number")));
    }
    if planted(Mutant::FirstThousandOnly) {
        values.truncate(1000);
    }
    if planted(Mutant::LastValueIgnored) {
        values.pop();
    }
    let mut indices: Vec<i64> = outliers(&values).into_iter().map(|index| index as i64).collect();
    if planted(Mutant::IndicesFromOne) {
        indices.iter_mut().for_each(|index| *index += 1);
    }
    if planted(Mutant::IndicesReversed) {
        indices.reverse();
    }
    if planted(Mutant::IndicesTwice) {
        indices = indices.into_iter().flat_map(|index| [index, index]).collect();
    }
    Ok(Answer::of(OutliersResponse { indices }.write()))
}
