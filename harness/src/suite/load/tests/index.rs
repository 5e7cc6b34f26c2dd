//! What is loaded of cases that are wanted, and of others.

use super::*;
use crate::role::Role;

/// Loads one suite with those cases of it that have this name.
fn load_case(file: &str, text: &str, wanted: &str) -> Result<Suite, String> {
    let suites = load_wanted(file, text, &|case| case.name == wanted)?;
    Ok(suites.into_iter().next().expect("a suite"))
}

const GOOD: &str = "rule = \"R-1\"\nwhy = \"w\"\nmethod = \"t.S/Unary\"\nexpect = { messages = [] }\nrequest = {}\n";

/// A suite with two cases; the second is this one.
fn toml_beside(case: &str) -> String {
    format!(
        "[suite]\nname = \"a\"\nproto = \"t.proto\"\n\n[[case]]\nname = \"good\"\n{GOOD}\n[[case]]\n{case}"
    )
}

#[test]
fn of_a_case_that_is_not_wanted_only_the_head_is_read() {
    let json = [
        r#"{"suite":{"name":"a","proto":"t.proto"}}"#,
        r#"{"name":"good","rule":"R-1","why":"w","method":"t.S/Unary","request":{},"expect":{"messages":[]}}"#,
        r#"{"name":"bad","rule":"R-1","why":"w","method":"t.S/Unary","request":{"nope":1},"expect":{"messages":[]}}"#,
    ];
    let toml = toml_beside(&format!("name = \"bad\"\n{}", GOOD.replace("{}", "{ nope = 1 }")));
    for (file, text, line) in [("a.toml", &toml, 19), ("a.jsonl", &json.join("\n"), 3)] {
        let suite = load_case(file, text, "a/good").unwrap();
        let names: Vec<&str> = suite.index.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a/good", "a/bad"], "{file}");
        assert_eq!(suite.cases.len(), 1, "{file}");
        assert_eq!(suite.cases[0].name, "a/good", "{file}");
        let error = load_case(file, text, "a/bad").unwrap_err();
        let expected =
            format!("{file}:{line}: case `bad`: request: unrecognized field name 'nope'");
        assert!(error.starts_with(&expected), "got:  {error}\nwant: {expected}");
    }
}

#[test]
fn of_rows_that_are_not_wanted_only_the_head_is_read() {
    let rows = GOOD.replace("{}", "{ x = \"$x\" }");
    let text = toml_beside(&format!(
        "name = \"n/$x\"\n{rows}each = [\n{{ x = 1 }},\n{{ x = \"one\" }},\n]"
    ));
    let suite = load_case("a.toml", &text, "a/n/1").unwrap();
    assert_eq!((suite.index.len(), suite.cases.len()), (3, 1));
    let error = load_case("a.toml", &text, "a/n/one").unwrap_err();
    assert!(error.starts_with("a.toml:22: case `n/one`: each[1]: request.x: "), "{error}");
}

/// The head takes what the suite gives to all, and so a column or a repeated text.
#[test]
fn the_index_is_what_the_cases_say() {
    let text = format!(
        "[suite]\nname = \"a\"\nproto = \"t.proto\"\n[suite.defaults]\nrule = \"R-1\"\nwhy = \"w\"\nmethod = \"t.S/Unary\"\nrequest = {{}}\n{}{}{}",
        "expect = { code = \"INTERNAL\" }\n[[case]]\nname = \"plain\"\n",
        "[[case]]\nname = \"n$n\"\nrule = \"$rule\"\nscripted = \"server\"\nscript = []\nexpect = { code = \"lost\" }\neach = [{ n = 1, rule = \"R-1\" }, { n = 2, rule = \"R-4\" }]\n",
        "[[case]]\nname = { \"$repeat\" = 3, of = \"x\" }\n",
    );
    let index = |wanted| load_case("a.toml", &text, wanted).unwrap().index;
    let heads = index("none");
    let said = |case: &CaseHead| (case.name.clone(), case.rule.clone(), case.scripted);
    let expected = [
        ("a/plain", "R-1", None),
        ("a/n1", "R-1", Some(Role::Server)),
        ("a/n2", "R-4", Some(Role::Server)),
        ("a/xxx", "R-1", None),
    ];
    let expected = expected.map(|(name, rule, role)| (name.to_owned(), rule.to_owned(), role));
    assert_eq!(heads.iter().map(said).collect::<Vec<_>>(), expected);
    let whole = load_text("a.toml", &text).unwrap();
    assert_eq!(whole[0].index.iter().map(said).collect::<Vec<_>>(), expected);
    let cases: Vec<CaseHead> = whole[0].cases.iter().map(|case| case.head()).collect();
    assert_eq!(cases, whole[0].index);
    assert!(load_case("a.toml", &text, "none").unwrap().cases.is_empty());
}

#[test]
fn a_head_that_is_wrong_is_found_whatever_is_wanted() {
    for (case, expected) in [
        (GOOD.to_owned(), "a.toml:13: missing field `name`"),
        (format!("name = \"B\"\n{GOOD}"), "a.toml:14: case `B`: case name `B`"),
        (
            format!("name = \"b\"\n{}", GOOD.replace("R-1", "R-9")),
            "a.toml:15: case `b`: rule `R-9` is not in the contract",
        ),
        (
            format!("name = \"b\"\n{}", GOOD.replace("rule = \"R-1\"\n", "")),
            "a.toml:13: case `b`: missing field `rule`",
        ),
        (
            format!("name = \"b\"\n{GOOD}scripted = \"both\""),
            "case `b`: scripted: unknown variant `both`",
        ),
        (format!("name = \"good\"\n{GOOD}"), "case `a/good` stands at a.toml:5 already"),
        (
            format!("name = \"b\"\n{GOOD}each = [{{}}, {{}}]"),
            "case `a/b` stands at a.toml:13 already",
        ),
        (format!("name = \"b/$x\"\n{GOOD}each = [{{}}]"), "each[0]: no `x` in this row"),
        (format!("name = \"b\"\n{GOOD}each = []"), "case `b`: each: give a list of rows"),
    ] {
        let error = load_case("a.toml", &toml_beside(&case), "a/good").expect_err(&case);
        assert!(error.contains(expected), "{case}\ngot:  {error}\nwant: {expected}");
    }
    let lines =
        "{\"suite\":{\"name\":\"a\",\"proto\":\"t.proto\"}}\n{\"name\":\"b\",\"rule\":\"R-1\",";
    let error = load_case("a.jsonl", lines, "a/good").unwrap_err();
    assert!(error.starts_with("a.jsonl:2: EOF"), "{error}");
}
