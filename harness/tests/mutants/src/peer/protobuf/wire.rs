//! Fields: a number and a type of wire, then a value.

use mutants::{mutant::Mutant, planted::planted};

use super::Malformed;

/// How deep groups may nest.
const MAX_DEPTH: usize = 100;

/// A value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Of a type that none of our fields has.
    Other,
}

/// Reads the fields of a message.
///
/// # Errors
/// The bytes are no fields, or `take` refuses one.
pub(super) fn read<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u32, Value<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut rest = message;
    while !rest.is_empty() {
        match field(&mut rest, 0) {
            Ok((number, value)) => take(number, value)?,
            Err(Malformed) if planted(Mutant::TakesCutMessages) => return Ok(()),
            Err(malformed) => return Err(malformed),
        }
    }
    Ok(())
}

fn field<'a>(rest: &mut &'a [u8], depth: usize) -> Result<(u32, Value<'a>), Malformed> {
    let (number, kind) = key(rest)?;
    let value = match kind {
        0 => Value::Varint(varint(rest)?),
        1 => Value::Fixed64(u64::from_le_bytes(fixed(rest)?)),
        2 => {
            let length = usize::try_from(varint(rest)?).map_err(|_| Malformed)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        3 if depth < MAX_DEPTH => {
            group(rest, number, depth + 1)?;
            Value::Other
        }
        5 => {
            fixed::<4>(rest)?;
            Value::Other
        }
        _ => return Err(Malformed),
    };
    Ok((number, value))
}

fn key(rest: &mut &[u8]) -> Result<(u32, u8), Malformed> {
    let key = u32::try_from(varint(rest)?).map_err(|_| Malformed)?;
    let number = key >> 3;
    if number == 0 {
        return Err(Malformed);
    }
    Ok((number, (key & 7) as u8))
}

/// Passes over a group, to the end that has its number.
fn group(rest: &mut &[u8], number: u32, depth: usize) -> Result<(), Malformed> {
    loop {
        let mut ahead = *rest;
        if let (ended, 4) = key(&mut ahead)? {
            *rest = ahead;
            return if ended == number { Ok(()) } else { Err(Malformed) };
        }
        field(rest, depth)?;
    }
}

/// A number of at most ten bytes.
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0_u64;
    for index in 0..10 {
        let (byte, after) = rest.split_first().ok_or(Malformed)?;
        *rest = after;
        if index == 9 && *byte > 1 {
            return Err(Malformed);
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if planted(Mutant::RefusesLongVarints) && index > 0 && *byte == 0 {
                return Err(Malformed);
            }
            return Ok(number);
        }
    }
    Err(Malformed)
}

fn fixed<const BYTES: usize>(rest: &mut &[u8]) -> Result<[u8; BYTES], Malformed> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = after;
    Ok(*bytes)
}

pub(super) fn push_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn push_key(message: &mut Vec<u8>, number: u32, kind: u8) {
    push_varint(message, u64::from(number << 3 | u32::from(kind)));
}

/// A field of type int32 or int64; a default is left out.
pub(super) fn push_integer(message: &mut Vec<u8>, number: u32, value: i64) {
    if value == 0 && !planted(Mutant::WritesDefaults) {
        return;
    }
    push_key(message, number, 0);
    push_integer_value(message, value);
}

fn push_integer_value(message: &mut Vec<u8>, value: i64) {
    if planted(Mutant::IntegersAsSint) {
        return push_varint(message, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }
    // Negative numbers have ten bytes, of int32 too.
    push_varint(message, value.cast_unsigned());
}

/// A field of type repeated int32 or int64, packed.
pub(super) fn push_integers(message: &mut Vec<u8>, number: u32, values: &[i64]) {
    if values.is_empty() {
        return;
    }
    if planted(Mutant::WritesUnpacked) {
        for value in values {
            push_key(message, number, 0);
            push_integer_value(message, *value);
        }
        return;
    }
    let mut packed = Vec::new();
    for value in values {
        push_integer_value(&mut packed, *value);
    }
    push_bytes(message, number, &packed);
}

/// A field of type repeated int32 or int64, packed or not, or both.
pub(super) fn read_integers(values: &mut Vec<i64>, value: Value<'_>) -> Result<(), Malformed> {
    match value {
        Value::Varint(value) => values.push(value.cast_signed()),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                values.push(varint(&mut packed)?.cast_signed());
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn push_double(message: &mut Vec<u8>, number: u32, value: f64) {
    // Minus zero is no default.
    if value.to_bits() != 0 {
        push_key(message, number, 1);
        message.extend(value.to_le_bytes());
    }
}

pub(super) fn push_bytes(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    push_key(message, number, 2);
    let length = bytes.len() as u64;
    if planted(Mutant::WritesLongLengths) && length < 0x80 {
        message.extend([length as u8 | 0x80, 0]);
    } else {
        push_varint(message, length);
    }
    message.extend_from_slice(bytes);
}
