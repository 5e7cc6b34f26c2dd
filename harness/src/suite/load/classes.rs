//! The classes of statuses that the contract defines, in the place of their names.

use serde_json::{Map, Value};

use crate::contract::Contract;

/// Puts the statuses of a class wherever `expect.code` names it, in a case's own fields
/// and in those of its calls.
pub(super) fn expand(case: &mut Map<String, Value>, contract: &Contract) {
    if let Some(Value::Array(calls)) = case.get_mut("calls") {
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            expand(call, contract);
        }
    }
    let Some(codes) = case.get_mut("expect").and_then(|expect| expect.get_mut("code")) else {
        return;
    };
    let statuses = |code: &Value| {
        let class = contract.status_class(code.as_str()?)?;
        Some(class.statuses.iter().map(|status| Value::from(status.as_str())).collect::<Vec<_>>())
    };
    let named = match codes {
        Value::Array(named) if !named.is_empty() => std::mem::take(named),
        Value::String(_) if statuses(codes).is_some() => vec![codes.take()],
        _ => return,
    };
    let mut all: Vec<Value> = Vec::new();
    for code in named {
        for status in statuses(&code).unwrap_or_else(|| vec![code]) {
            if !all.contains(&status) {
                all.push(status);
            }
        }
    }
    *codes = Value::Array(all);
}
