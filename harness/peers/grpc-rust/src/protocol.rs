//! The lines of docs/peer-protocol.md.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// What the harness asks.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    Hello(IgnoredAny),
    Call(Box<Call>),
    Close { target: String },
}

#[derive(Deserialize)]
pub struct Call {
    pub id: u64,
    pub target: String,
    pub method: String,
    pub send: Vec<Value>,
    pub timeout_ms: Option<u64>,
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
    pub cancel_after_messages: Option<usize>,
    pub read_delay_ms: Option<u64>,
    pub tls: Option<Tls>,
    #[serde(default)]
    pub raw: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Tls {
    pub ca: String,
    pub server_name: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<String>,
}

pub fn hello() -> Value {
    json!({"hello": {
        "protocol": 2,
        "implementation": "grpc-rust",
        "version": env!("GRPC_VERSION"),
        "features": [
            "bidi",
            "cancel",
            "client-streaming",
            "close",
            "raw",
            "size-limit",
            "slow",
            "test-service",
            "tls",
        ],
        "max_in_flight": 256,
    }})
}

pub fn unsupported(id: u64, why: &str) -> Value {
    json!({"unsupported": {"id": id, "why": why}})
}
