//! HTTP/2's numbers as people write them: by name, a setting's in small letters.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use crosswire_http2::{
    error::{self, error_name},
    settings,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An error code of HTTP/2. Shown by its name, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The code of a standard name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        error::number(name).map(Self)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&error_name(self.0))
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = error_name(self.0);
        match Self::from_name(&name) {
            Some(_) => serializer.serialize_str(&name),
            None => serializer.serialize_u32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an HTTP/2 error code, by name or number")]
        enum NameOrNumber {
            Number(u32),
            Name(String),
        }
        let name = match NameOrNumber::deserialize(deserializer)? {
            NameOrNumber::Number(number) => return Ok(Self(number)),
            NameOrNumber::Name(name) => name,
        };
        Self::from_name(&name).ok_or_else(|| {
            let known: Vec<&str> = error::NAMES.iter().map(|(_, name)| *name).collect();
            let known = known.join(", ");
            D::Error::custom(format!(
                "`{name}` is no HTTP/2 error code; a number or one of {known}"
            ))
        })
    }
}

/// Entries of a SETTINGS frame. Written as a table of names, or of numbers where there
/// is no name: `{ max_frame_size = 16384, "0x99" = 1 }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub Vec<(u16, u32)>);

impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |(id, value): &(u16, u32)| {
            let name = settings::name(*id).map(str::to_ascii_lowercase);
            let name = name.unwrap_or_else(|| format!("{id:#06x}"));
            format!("{name} = {value}")
        };
        let pairs: Vec<String> = self.0.iter().map(pair).collect();
        formatter.write_str(&pairs.join(", "))
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, u32>::deserialize(deserializer)?;
        if table.is_empty() {
            return Err(D::Error::custom("`settings` is empty"));
        }
        let pairs = table.iter().map(|(name, value)| Ok((setting(name)?, *value)));
        let mut pairs = pairs.collect::<Result<Vec<_>, String>>().map_err(D::Error::custom)?;
        pairs.sort_by_key(|(id, _)| *id);
        Ok(Self(pairs))
    }
}

fn setting(name: &str) -> Result<u16, String> {
    if let Some(digits) = name.strip_prefix("0x")
        && let Ok(id) = u16::from_str_radix(digits, 16)
    {
        return Ok(id);
    }
    let names = settings::NAMES.iter().map(|(id, name)| (*id, name.to_ascii_lowercase()));
    let known: Vec<(u16, String)> = names.collect();
    let setting = known.iter().find(|(_, known)| known == name).map(|(id, _)| *id);
    setting.ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
        let known = known.join(", ");
        format!("`{name}` is no setting of HTTP/2; one of {known}, or a number such as \"0x99\"")
    })
}

impl JsonSchema for ErrorCode {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = error::NAMES.iter().map(|(_, name)| *name).collect();
        json_schema!({
            "description": "An error code of HTTP/2, by name or number.",
            "anyOf": [{ "enum": names }, { "type": "integer", "minimum": 0 }],
        })
    }
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
        let named = settings::NAMES
            .iter()
            .map(|(_, name)| (name.to_ascii_lowercase(), number.clone().into()));
        json_schema!({
            "description": "Settings of HTTP/2, by name or number (\"0x99\").",
            "type": "object",
            "properties": named.collect::<serde_json::Map<_, serde_json::Value>>(),
            "patternProperties": { "^0x[0-9a-fA-F]+$": number },
            "additionalProperties": false,
            "minProperties": 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_shown_by_name() {
        assert_eq!(ErrorCode(8).to_string(), "CANCEL");
        assert_eq!(ErrorCode(14).to_string(), "error code 14");
    }

    #[test]
    fn settings_have_names_or_numbers() {
        let settings: Settings = toml::from_str("0x99 = 1\nmax_frame_size = 5").unwrap();
        assert_eq!(settings.0, [(5, 5), (0x99, 1)]);
        assert_eq!(settings.to_string(), "max_frame_size = 5, 0x0099 = 1");
    }
}
