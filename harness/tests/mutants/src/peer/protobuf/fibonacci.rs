//! The messages of `fibonacci.proto`.

use mutants::{mutant::Mutant, planted::planted};

use super::{
    Malformed,
    wire::{Value, push_integer, push_integers, read, read_integers},
};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SequenceRequest {
    pub(crate) count: i64,
}

impl SequenceRequest {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut count = None;
        read(message, |number, value| {
            match (number, value) {
                (1, Value::Varint(_)) if planted(Mutant::KeepsFirstField) && count.is_some() => {}
                (1, Value::Varint(value)) if planted(Mutant::CountAsInt32) => {
                    count = Some(i64::from(value as i32));
                }
                (1, Value::Varint(value)) => count = Some(value.cast_signed()),
                _ if planted(Mutant::RefusesUnknownFields) => return Err(Malformed),
                _ => {}
            }
            Ok(())
        })?;
        if count.is_none() && planted(Mutant::RequiresFields) {
            return Err(Malformed);
        }
        Ok(Self { count: count.unwrap_or_default() })
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 1, self.count);
        message
    }
}

/// Whether a field that is not read is an error in a response.
fn refuses_fields() -> bool {
    planted(Mutant::RefusesUnknownFields) || planted(Mutant::OddFieldsAreInvalid)
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SequenceElement {
    pub(crate) element: i64,
    pub(crate) count: i64,
}

impl SequenceElement {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut read_so_far = Self::default();
        let mut highest = 0;
        read(message, |number, value| {
            if planted(Mutant::ExpectsFieldsInOrder) && number < highest {
                return Ok(());
            }
            highest = number;
            match (number, value) {
                (1, Value::Varint(value)) => read_so_far.element = narrowed(value.cast_signed()),
                (2, Value::Varint(_)) if planted(Mutant::DropsSecondField) => {}
                (2, Value::Varint(value)) => read_so_far.count = value.cast_signed(),
                _ if refuses_fields() => return Err(Malformed),
                _ => {}
            }
            Ok(())
        })?;
        Ok(read_so_far)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        if planted(Mutant::WritesFieldsBackwards) {
            push_integer(&mut message, 2, self.count);
            push_integer(&mut message, 1, narrowed(self.element));
            return message;
        }
        let (element, count) = if planted(Mutant::SwapsFields) { (2, 1) } else { (1, 2) };
        push_integer(&mut message, element, narrowed(self.element));
        if !planted(Mutant::DropsSecondField) {
            push_integer(&mut message, count, self.count);
        }
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SequenceResponse {
    pub(crate) element: Vec<i64>,
}

impl SequenceResponse {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut element = Vec::new();
        read(message, |number, value| match (number, value) {
            (1, Value::Varint(_)) if planted(Mutant::ReadsOnlyPacked) => Ok(()),
            (1, value @ (Value::Varint(_) | Value::Bytes(_))) => read_integers(&mut element, value),
            _ if refuses_fields() => Err(Malformed),
            _ => Ok(()),
        })?;
        let element = element.into_iter().map(narrowed).collect();
        Ok(Self { element })
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        let number = if planted(Mutant::WrongFieldNumber) { 2 } else { 1 };
        let element: Vec<i64> = self.element.iter().copied().map(narrowed).collect();
        push_integers(&mut message, number, &element);
        message
    }
}

/// An element as it is: an int64.
fn narrowed(element: i64) -> i64 {
    match () {
        // The bytes of a small number are the same.
        () if planted(Mutant::ElementAsInt32) => i64::from(element as i32),
        () if planted(Mutant::ElementAsDouble) => element as f64 as i64,
        () => element,
    }
}
