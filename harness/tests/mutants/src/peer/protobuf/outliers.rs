//! The messages of `outliers.proto`.

use mutants::{mutant::Mutant, planted::planted};

use super::{
    Malformed,
    wire::{Value, push_bytes, push_double, push_integer, push_integers, read, read_integers},
};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) seconds: i64,
    pub(crate) nanos: i64,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) time: Option<Timestamp>,
    pub(crate) name: String,
    pub(crate) value: f64,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct OutliersRequest {
    pub(crate) metrics: Vec<Metric>,
}

impl OutliersRequest {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut metrics = Vec::new();
        read(message, |number, value| {
            match (number, value) {
                (1, Value::Bytes(bytes)) => metrics.push(Metric::read(bytes)?),
                _ if planted(Mutant::RefusesUnknownFields) => return Err(Malformed),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { metrics })
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for metric in &self.metrics {
            push_bytes(&mut message, 1, &metric.write());
        }
        message
    }
}

impl Metric {
    fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut metric = Self::default();
        read(message, |number, value| {
            match (number, value) {
                (1, Value::Bytes(bytes)) => {
                    // A message that comes in parts is one (proto3, "last one wins").
                    let known = metric.time.take().unwrap_or_default();
                    metric.time = Some(known.merged(bytes)?);
                }
                (2, Value::Bytes(bytes)) => {
                    metric.name = match std::str::from_utf8(bytes) {
                        Ok(name) => name.to_owned(),
                        Err(_) if planted(Mutant::TakesAnyBytesAsText) => String::new(),
                        Err(_) => return Err(Malformed),
                    }
                }
                (3, Value::Fixed64(_))
                    if planted(Mutant::KeepsFirstField) && metric.value != 0.0 => {}
                (3, Value::Fixed64(bits)) => metric.value = f64::from_bits(bits),
                _ if planted(Mutant::RefusesUnknownFields) => return Err(Malformed),
                _ => {}
            }
            Ok(())
        })?;
        Ok(metric)
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        if let Some(Timestamp { seconds, nanos }) = &self.time {
            let mut time = Vec::new();
            push_integer(&mut time, 1, *seconds);
            push_integer(&mut time, 2, *nanos);
            push_bytes(&mut message, 1, &time);
        }
        if !self.name.is_empty() {
            push_bytes(&mut message, 2, self.name.as_bytes());
        }
        if planted(Mutant::ValueAsFloat32) {
            push_double(&mut message, 3, f64::from(self.value as f32));
        } else {
            push_double(&mut message, 3, self.value);
        }
        message
    }
}

impl Timestamp {
    fn merged(mut self, message: &[u8]) -> Result<Self, Malformed> {
        read(message, |number, value| {
            match (number, value) {
                (1, Value::Varint(value)) => self.seconds = value.cast_signed(),
                (2, Value::Varint(value)) => self.nanos = i64::from(value as i32),
                _ => {}
            }
            Ok(())
        })?;
        if planted(Mutant::ChecksTimes) && !(0..1_000_000_000).contains(&self.nanos) {
            return Err(Malformed);
        }
        Ok(self)
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct OutliersResponse {
    pub(crate) indices: Vec<i64>,
}

impl OutliersResponse {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut indices = Vec::new();
        read(message, |number, value| match (number, value) {
            (1, Value::Varint(_)) if planted(Mutant::ReadsOnlyPacked) => Ok(()),
            (1, value) => read_integers(&mut indices, value),
            _ if planted(Mutant::RefusesUnknownFields) => Err(Malformed),
            _ => Ok(()),
        })?;
        let indices = indices.into_iter().map(|index| i64::from(index as i32)).collect();
        Ok(Self { indices })
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        let number = if planted(Mutant::WrongFieldNumber) { 2 } else { 1 };
        push_integers(&mut message, number, &self.indices);
        message
    }
}
