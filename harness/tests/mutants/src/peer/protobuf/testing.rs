//! The messages of `testing.proto`, as far as a server heeds them. What it does not heed of
//! a request it passes over, and a client does not send it: no case has it.

use super::{
    Malformed,
    wire::{Value, push_bytes, push_integer, read},
};

/// A message whose fields are taken one by one.
pub(crate) trait Message: Default {
    /// Takes a field.
    ///
    /// # Errors
    /// It is malformed.
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed>;

    fn write(&self) -> Vec<u8>;

    fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut read_so_far = Self::default();
        read_so_far.merge(message)?;
        Ok(read_so_far)
    }

    /// A message that comes in parts is one (proto3, "last one wins").
    fn merge(&mut self, message: &[u8]) -> Result<(), Malformed> {
        read(message, |number, value| self.take(number, value))
    }
}

/// Takes a field that is a message itself.
fn merge<M: Message>(field: &mut Option<M>, bytes: &[u8]) -> Result<(), Malformed> {
    field.get_or_insert_default().merge(bytes)
}

/// Writes a field that is a message itself, if it is there.
fn push<M: Message>(message: &mut Vec<u8>, number: u32, field: Option<&M>) {
    if let Some(field) = field {
        push_bytes(message, number, &field.write());
    }
}

/// An int32, as its varint is to be taken.
fn int32(value: u64) -> i64 {
    i64::from(value as i32)
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Empty;

impl Message for Empty {
    fn take(&mut self, _: u32, _: Value<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// A bool that may be absent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct BoolValue {
    pub(crate) value: bool,
}

impl Message for BoolValue {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        if let (1, Value::Varint(value)) = (number, value) {
            self.value = value != 0;
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 1, self.value.into());
        message
    }
}

/// Whether a bool that may be absent is there and true.
pub(crate) fn is_true(value: Option<&BoolValue>) -> bool {
    value.is_some_and(|value| value.value)
}

/// Its type is always the same: COMPRESSABLE.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) body: Vec<u8>,
}

impl Message for Payload {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        if let (2, Value::Bytes(bytes)) = (number, value) {
            self.body = bytes.to_vec();
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        if !self.body.is_empty() {
            push_bytes(&mut message, 2, &self.body);
        }
        message
    }
}

/// A status to end the call with.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct EchoStatus {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Message for EchoStatus {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Varint(value)) => self.code = int32(value),
            (2, Value::Bytes(bytes)) => {
                self.message = std::str::from_utf8(bytes).map_err(|_| Malformed)?.to_owned();
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 1, self.code);
        if !self.message.is_empty() {
            push_bytes(&mut message, 2, self.message.as_bytes());
        }
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SimpleRequest {
    pub(crate) response_size: i64,
    pub(crate) payload: Option<Payload>,
    pub(crate) response_compressed: Option<BoolValue>,
    pub(crate) response_status: Option<EchoStatus>,
    pub(crate) expect_compressed: Option<BoolValue>,
}

impl Message for SimpleRequest {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (2, Value::Varint(value)) => self.response_size = int32(value),
            (3, Value::Bytes(bytes)) => merge(&mut self.payload, bytes)?,
            (6, Value::Bytes(bytes)) => merge(&mut self.response_compressed, bytes)?,
            (7, Value::Bytes(bytes)) => merge(&mut self.response_status, bytes)?,
            (8, Value::Bytes(bytes)) => merge(&mut self.expect_compressed, bytes)?,
            _ => {}
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 2, self.response_size);
        push(&mut message, 3, self.payload.as_ref());
        push(&mut message, 6, self.response_compressed.as_ref());
        push(&mut message, 7, self.response_status.as_ref());
        push(&mut message, 8, self.expect_compressed.as_ref());
        message
    }
}

/// What has a payload alone: `SimpleResponse`, as far as it is filled, and
/// `StreamingOutputCallResponse`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct PayloadResponse {
    pub(crate) payload: Option<Payload>,
}

impl Message for PayloadResponse {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Bytes(bytes)) => merge(&mut self.payload, bytes),
            _ => Ok(()),
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push(&mut message, 1, self.payload.as_ref());
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct InputRequest {
    pub(crate) payload: Option<Payload>,
    pub(crate) expect_compressed: Option<BoolValue>,
}

impl Message for InputRequest {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Bytes(bytes)) => merge(&mut self.payload, bytes),
            (2, Value::Bytes(bytes)) => merge(&mut self.expect_compressed, bytes),
            _ => Ok(()),
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push(&mut message, 1, self.payload.as_ref());
        push(&mut message, 2, self.expect_compressed.as_ref());
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct InputResponse {
    pub(crate) aggregated_payload_size: i64,
}

impl Message for InputResponse {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        if let (1, Value::Varint(value)) = (number, value) {
            self.aggregated_payload_size = int32(value);
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 1, self.aggregated_payload_size);
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) size: i64,
    pub(crate) interval_us: i64,
    pub(crate) compressed: Option<BoolValue>,
}

impl Message for Parameters {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Varint(value)) => self.size = int32(value),
            (2, Value::Varint(value)) => self.interval_us = int32(value),
            (3, Value::Bytes(bytes)) => merge(&mut self.compressed, bytes)?,
            _ => {}
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        push_integer(&mut message, 1, self.size);
        push_integer(&mut message, 2, self.interval_us);
        push(&mut message, 3, self.compressed.as_ref());
        message
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct OutputRequest {
    pub(crate) parameters: Vec<Parameters>,
    pub(crate) payload: Option<Payload>,
    pub(crate) response_status: Option<EchoStatus>,
}

impl Message for OutputRequest {
    fn take(&mut self, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        match (number, value) {
            (2, Value::Bytes(bytes)) => self.parameters.push(Parameters::read(bytes)?),
            (3, Value::Bytes(bytes)) => merge(&mut self.payload, bytes)?,
            (7, Value::Bytes(bytes)) => merge(&mut self.response_status, bytes)?,
            _ => {}
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for parameters in &self.parameters {
            push(&mut message, 2, Some(parameters));
        }
        push(&mut message, 3, self.payload.as_ref());
        push(&mut message, 7, self.response_status.as_ref());
        message
    }
}
