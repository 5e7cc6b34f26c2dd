//! Messages as the crate wants them: it knows no protobuf.

use bytes::{Buf, Bytes};
use grpc::core::{RecvMessage, SendMessage};
use prost::Message;

/// A response message that can be shown again.
pub trait Shown: RecvMessage {
    fn serialized(&self) -> Vec<u8>;
}

/// A message of a generated type.
#[derive(Default)]
pub struct Typed<M>(pub M);

impl<M: Message> SendMessage for Typed<M> {
    fn encode(&self) -> Result<Box<dyn Buf + Send + Sync>, String> {
        Ok(Box::new(Bytes::from(self.0.encode_to_vec())))
    }
}

impl<M: Message + Default> RecvMessage for Typed<M> {
    fn decode(&mut self, data: &mut dyn Buf) -> Result<(), String> {
        self.0 = M::decode(data).map_err(|error| error.to_string())?;
        Ok(())
    }
}

impl<M: Message + Default> Shown for Typed<M> {
    fn serialized(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }
}

/// A message as it is.
#[derive(Default)]
pub struct Raw(pub Bytes);

impl SendMessage for Raw {
    fn encode(&self) -> Result<Box<dyn Buf + Send + Sync>, String> {
        Ok(Box::new(self.0.clone()))
    }
}

impl RecvMessage for Raw {
    fn decode(&mut self, data: &mut dyn Buf) -> Result<(), String> {
        self.0 = data.copy_to_bytes(data.remaining());
        Ok(())
    }
}

impl Shown for Raw {
    fn serialized(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}
