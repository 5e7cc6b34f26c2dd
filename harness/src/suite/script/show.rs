//! The steps of a script in words, as `crosswire show` has them.

use std::fmt;

use crosswire_http2::{
    error::error_name,
    frame::{flag, kind, kind_name},
    hpack::HeaderDecoder,
};

use super::{Step, StreamRef};
use crate::{
    suite::Cut,
    text::{count, duration, printable},
};

/// How many bytes are shown.
const SHOWN_BYTES: usize = 32;

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers { opens, stream, block, flags, ends_block, pieces, padding, .. } => {
                formatter.write_str("HEADERS")?;
                if !opens {
                    write!(formatter, "{stream}")?;
                }
                write!(formatter, ": {}", fields(block))?;
                how(formatter, flags & flag::END_STREAM != 0, pieces, *padding)?;
                if !ends_block {
                    formatter.write_str(", without END_HEADERS")?;
                }
                Ok(())
            }
            Self::Data { stream, content, ends_stream, pieces, padding, heeds_windows } => {
                write!(formatter, "DATA{stream}: {}", hex(content))?;
                how(formatter, *ends_stream, pieces, *padding)?;
                if !heeds_windows {
                    formatter.write_str(", whatever the windows are")?;
                }
                Ok(())
            }
            Self::Frame { kind, flags, stream, payload } => {
                write!(formatter, "{}{stream}", kind_name(*kind))?;
                if *flags != 0 {
                    write!(formatter, ", flags {flags:#04x}")?;
                }
                write!(formatter, ": {}", meaning(*kind, payload))
            }
            Self::GoAway { stream, last, code, debug } => {
                write!(formatter, "GOAWAY{stream}: {}, last stream {last}", error_name(*code))?;
                match debug.len() {
                    0 => Ok(()),
                    bytes => write!(formatter, ", {} of debug data", count(bytes, "byte")),
                }
            }
            Self::Bytes(bytes) => {
                write!(formatter, "{} as they are: {}", count(bytes.len(), "byte"), hex(bytes))
            }
            Self::Hold(true) => write!(formatter, "keep back what follows"),
            Self::Hold(false) => write!(formatter, "let it go in one write"),
            Self::Settings(settings) => write!(formatter, "SETTINGS: {settings}"),
            Self::WaitFor(awaited) => write!(formatter, "wait for {awaited}"),
            Self::MayWaitFor(awaited) => write!(formatter, "perhaps wait for {awaited}"),
            Self::Pause(pause) => write!(formatter, "pause for {}", duration(*pause)),
            Self::Close(Cut::Close) => formatter.write_str("close the connection"),
            Self::Close(Cut::Reset) => formatter.write_str("reset the connection"),
        }
    }
}

impl fmt::Display for StreamRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current | Self::Number(0) => Ok(()),
            Self::Number(number) => write!(formatter, " on stream {number}"),
        }
    }
}

fn how(
    formatter: &mut fmt::Formatter<'_>,
    ends_stream: bool,
    pieces: &[usize],
    padding: Option<u8>,
) -> fmt::Result {
    if !pieces.is_empty() {
        let sizes: Vec<String> = pieces.iter().map(ToString::to_string).collect();
        write!(formatter, ", in pieces of {} bytes", sizes.join(", "))?;
    }
    if let Some(padding) = padding {
        write!(formatter, ", {} of padding", count(padding.into(), "byte"))?;
    }
    if ends_stream {
        formatter.write_str(", END_STREAM")?;
    }
    Ok(())
}

fn fields(block: &[u8]) -> String {
    let Ok(fields) = HeaderDecoder::default().decode(block) else { return hex(block) };
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let shown: Vec<String> = fields
        .list
        .iter()
        .map(|field| {
            let value = crate::text::shorten(&text(&field.value), 80);
            printable(&format!("{}={value}", text(&field.name)))
        })
        .collect();
    shown.join(" ")
}

fn meaning(kind: u8, payload: &[u8]) -> String {
    let number =
        |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(u32::from_be_bytes).map_err(|_| hex(payload));
    let text = match (kind, payload) {
        (kind::RST_STREAM, code) => number(code).map(error_name),
        (kind::GOAWAY, [last @ .., a, b, c, d]) if last.len() == 4 => number(&[*a, *b, *c, *d])
            .and_then(|code| {
                number(last).map(|last| format!("{}, last stream {last}", error_name(code)))
            }),
        (kind::WINDOW_UPDATE, increment) => {
            number(increment).map(|increment| increment.to_string())
        }
        _ => Err(hex(payload)),
    };
    text.unwrap_or_else(|hex| hex)
}

fn hex(bytes: &[u8]) -> String {
    let shown: Vec<String> =
        bytes.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let rest = bytes.len().saturating_sub(SHOWN_BYTES);
    match rest {
        0 if bytes.is_empty() => "nothing".to_owned(),
        0 => shown.join(" "),
        _ => format!("{} … and {} more", shown.join(" "), count(rest, "byte")),
    }
}
