//! The JSON schema of a suite, made from the structs that are read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, transform::transform_subschemas};
use serde_json::{Map, Value, json};

use super::{
    call::{CallOptions, WrittenCall},
    case::Case,
    expect::Expect,
    load::{SuiteHead, WrittenCalls},
    script::{WrittenEnding, WrittenScript},
};

/// The schema of a suite as a file of TOML.
#[must_use]
pub fn schema(mut generator: SchemaGenerator) -> Value {
    let head = generator.subschema_for::<SuiteHead>();
    let mut case = case(&mut generator);
    shorthand(&mut case);
    let root = json_schema!({
        "title": "Suite",
        "description": "A suite of cases. See docs/adding-a-case.md.",
        "type": "object",
        "properties": { "suite": head, "case": { "type": "array", "items": case } },
        "required": ["suite"],
        "additionalProperties": false,
    });
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        if let Ok(schema) = <&mut Schema>::try_from(definition) {
            shorthand(schema);
        }
    }
    definitions.insert("Short".to_owned(), short());
    let mut root = root.to_value();
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["definitions"] = Value::Object(definitions);
    root
}

/// A case: all that stands in its table, side by side.
fn case(generator: &mut SchemaGenerator) -> Schema {
    let parts = [
        Case::json_schema(generator),
        WrittenCalls::json_schema(generator),
        WrittenCall::json_schema(generator),
        CallOptions::json_schema(generator),
        WrittenScript::json_schema(generator),
    ];
    let of_part = |part: &Schema| part.get("properties").and_then(Value::as_object).cloned();
    let mut fields: Map<String, Value> = parts.iter().filter_map(of_part).flatten().collect();
    let expect = generator.subschema_for::<Expect<Value>>();
    let ending = generator.subschema_for::<WrittenEnding>();
    // A class of outcomes by its name, or a table.
    let outcome = json_schema!({ "anyOf": [{ "type": "string" }, ending] });
    fields.insert(
        "expect".to_owned(),
        json!({
            "description": "What must come of it; of a scripted client, the allowed outcomes.",
            "anyOf": [expect, outcome, { "type": "array", "items": outcome, "minItems": 1 }],
        }),
    );
    fields.insert(
        "each".to_owned(),
        json!({
            "description": "The case once for each row: `$column` is the row's value.",
            "type": "array",
            "items": { "type": "object" },
            "minItems": 1,
        }),
    );
    // Everything else may stand at the suite's head.
    json_schema!({
        "type": "object",
        "properties": fields,
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// Lets every value be written short: as a row's column, or repeated.
fn shorthand(schema: &mut Schema) {
    transform_subschemas(&mut shorthand, schema);
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(items) = object.get_mut("items") {
        match items {
            Value::Array(items) => items.iter_mut().for_each(or_short),
            items => or_short(items),
        }
    }
    let Some(Value::Object(fields)) = object.get_mut("properties") else { return };
    fields.values_mut().for_each(or_short);
    // A list may be written as columns of its items.
    let columns = json!({ "\\[\\]\\.": true });
    let patterns = object.entry("patternProperties").or_insert_with(|| json!({}));
    if let (Value::Object(patterns), Value::Object(columns)) = (patterns, columns) {
        patterns.extend(columns);
    }
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|field| field != "messages");
    }
}

fn or_short(value: &mut Value) {
    let long = value.take();
    let about = long.get("description").cloned();
    let mut either = json!({ "anyOf": [long, { "$ref": "#/definitions/Short" }] });
    if let Some(about) = about {
        either["description"] = about;
    }
    *value = either;
}

/// What may stand in the place of any value.
fn short() -> Value {
    json!({
        "description": "A column of `each`, or something repeated.",
        "anyOf": [
            { "type": "string", "pattern": "\\$[a-z0-9_]+" },
            {
                "type": "object",
                "properties": { "$bytes": { "type": "integer", "minimum": 0 } },
                "required": ["$bytes"],
                "additionalProperties": false,
            },
            {
                "type": "object",
                "properties": { "$repeat": true, "of": true },
                "required": ["$repeat", "of"],
                "additionalProperties": false,
            },
        ],
    })
}
