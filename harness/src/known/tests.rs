use std::path::Path;

use serde_json::json;

use super::*;
use crate::input::BadInput;

fn parse(text: &str) -> Result<Known, BadInput> {
    let text = format!("[[known]]\n{text}\nreason = \"r\"\nlink = \"l\"\n");
    KnownList::parse(Path::new("known.toml"), &text, false)
        .map(|list| Known::clone(&list.entries[0]))
}

fn identity(implementation: &str, version: &str) -> Identity {
    Identity::claimed(implementation, Some(version))
}

const NOBODY: Party<'static> = Party { peer: "x", identity: None };

#[test]
fn an_entry_is_about_a_library_or_a_peer() {
    let go = identity("grpc-go", "v1.85.0");
    let cpp = identity("grpc-c++", "1.51.1");
    let party = |peer, identity| Party { peer, identity: Some(identity) };
    let [server, client] = [Role::Server, Role::Client];
    for (text, expected) in [
        ("implementation = \"grpc-go\"", &[server][..]),
        ("implementation = [\"grpcio\", \"grpc-c++\"]", &[client]),
        ("implementation = \"grpc-go\"\nversions = \">=1.60\"", &[server]),
        ("implementation = \"grpc-go\"\nversions = \"<1.60\"", &[]),
        ("implementation = \"grpc-go\"\nrole = \"client\"", &[]),
        ("peer = \"*\"", &[server, client]),
        ("peer = \"b\"\nrole = \"client\"", &[client]),
    ] {
        let known = parse(&format!("{text}\ncase = \"**\"\nkind = \"hang\"")).unwrap();
        let roles: Vec<Role> = known.roles_of(party("a", &go), party("b", &cpp)).collect();
        assert_eq!(roles, expected, "{text}");
    }
    let of_library = parse("implementation = \"grpc-go\"\ncase = \"**\"\nkind = \"hang\"").unwrap();
    assert_eq!(of_library.roles_of(NOBODY, NOBODY).count(), 0, "nobody said who it is");
}

#[test]
fn an_entry_explains_what_it_names_and_nothing_else() {
    let status =
        || Finding::new(Kind::Status, json!(["OK"]), json!({"code": "INTERNAL", "message": "m"}));
    let field = || Finding::new(Kind::Message, json!(1), json!(2)).at("messages[3].x");
    for (text, finding, expected) in [
        ("got = { code = \"INTERNAL\" }", status(), true),
        ("got = { code = \"UNKNOWN\" }", status(), false),
        ("got = [{ code = \"UNKNOWN\" }, { code = \"INTERNAL\" }]", status(), true),
        ("kind = \"status\"", status(), true),
        ("kind = [\"hang\", \"crash\"]", status(), false),
        ("kind = \"status\"\ngot = { code = \"INTERNAL\" }", status(), true),
        ("field = \"messages[].x\"", field(), true),
        ("field = \"messages[].y\"", field(), false),
        ("got = 2", field(), true),
        ("rules = [\"WIRE-6\"]", status(), false),
        ("kind = \"status\"", status().of_side(Side::Server), true),
        ("kind = \"status\"", status().of_side(Side::Client), false),
        ("kind = \"status\"", status().of_side(Side::Unclear), true),
    ] {
        let known = parse(&format!("peer = \"*\"\ncase = \"**\"\n{text}")).unwrap();
        assert_eq!(known.explains(&finding, Role::Server), expected, "{text} {finding:?}");
    }
}

#[test]
fn what_is_wrong_with_an_entry_is_said() {
    for (text, expected) in [
        ("case = \"**\"\nkind = \"hang\"", "known.toml:1: give either `implementation`"),
        ("peer = \"a\"\nimplementation = \"b\"\ncase = \"**\"\nkind = \"hang\"", "give either"),
        ("peer = \"a\"\nversions = \"1\"\ncase = \"**\"\nkind = \"hang\"", "`versions` are those"),
        ("peer = \"a\"\ncase = \"**\"", "says nothing of what fails"),
        (
            "peer = \"a\"\ncase = \"**\"\nkind = \"hangs\"",
            "unknown variant `hangs` (did you mean `hang`?)",
        ),
        ("peer = \"a\"\ncase = \"**\"\nmessage = \"m\"", "unknown field `message`"),
        ("peer = \"a\"\nkind = \"hang\"", "missing field `case`"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let empty =
        "[[known]]\npeer = \"a\"\ncase = \"**\"\nkind = \"hang\"\nreason = \" \"\nlink = \"l\"\n";
    let error = KnownList::parse(Path::new("known.toml"), empty, false).unwrap_err();
    assert_eq!(error.to_string(), "known.toml:1: `reason` is empty");
}
