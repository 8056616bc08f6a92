//! Which texts are conditions, and what they mean: shown by printing the tree.

use proptest::prelude::*;

use crate::ast::{Call, Check, Expr, FieldRef, Function, List, Literal, Modifier, Name, Op};
use crate::ast::{Operand, Test};
use crate::limits::CONDITION_DEPTH_MAX;
use crate::parse::parse;
use crate::text::Span;

#[test]
fn texts_that_parse() {
    let cases: &[(&str, &str)] = &[
        ("a.b=c", "a.b = c"),
        ("a.b==c", "a.b = c"),
        ("  a.b\n=\t c ", "a.b = c"),
        ("a.b exists", "a.b exists"),
        ("a.b[1] exists", "a.b[1] exists"),
        ("a.b[/x/*] = y", "a.b[/x/*] = y"),
        ("a.b['x y'] = y", "a.b[\"x y\"] = y"),
        ("a.b = \"x y\"", "a.b = \"x y\""),
        ("a.b = 'x \"y'", "a.b = \"x \\\"y\""),
        (r#"a.b = "\." "#, r#"a.b = "\\.""#),
        (r#"a.b = "\n" "#, r#"a.b = "\n""#),
        ("a.b in (x,y)", "a.b in (x, y)"),
        ("a.b in (x,(y, 'z'))", "a.b in (x, (y, \"z\"))"),
        ("a.b in ()", "a.b in ()"),
        ("a.b in names", "a.b in names"),
        ("m", "m"),
        ("not m", "not m"),
        ("not(m)", "not m"),
        ("not not m", "not not m"),
        ("notm", "notm"),
        ("android or order", "android or order"),
        ("m and n or o", "m and n or o"),
        ("m and (n or o)", "m and (n or o)"),
        ("(m and n) or o", "m and n or o"),
        ("(m and n) and o", "(m and n) and o"),
        ("not (m or n)", "not (m or n)"),
        ("m and not n", "m and not n"),
        ("(m)and(n)", "m and n"),
        ("a.b startswith anyof (x, y)", "a.b startswith anyof (x, y)"),
        ("a.b = anyof", "a.b = anyof"),
        ("a.b = in", "a.b = in"),
        ("a.b = and", "a.b = and"),
        ("tolower(a.b) = x", "tolower(a.b) = x"),
        ("tolower ( a.b ) = x", "tolower(a.b) = x"),
        ("concat(a.b, \"-\", 5) = x", "concat(a.b, \"-\", 5) = x"),
        (
            "join(\",\", (a.b, toupper(c.d[1]), (x, 5)))=x",
            "join(\",\", (a.b, toupper(c.d[1]), (x, 5))) = x",
        ),
        ("a.b = val(c.d)", "a.b = val(c.d)"),
        ("a.b in val(c.d)", "a.b in val(c.d)"),
        ("getopt(a.b, x)[o] = y", "getopt(a.b, x)[o] = y"),
        ("( n,\"t)\" )in getopt(a.b, \"nt:\")", "(n, \"t)\") in getopt(a.b, \"nt:\")"),
        ("m and (x) intersects val(c.d)", "m and (x) intersects val(c.d)"),
        ("(a.b = x) and (a.b in (in, x))", "a.b = x and a.b in (in, x)"),
        ("a.b contains /etc/passwd", "a.b contains /etc/passwd"),
        ("a.b >= -5", "a.b >= -5"),
        ("a.b < 0x1F", "a.b < 0x1F"),
        ("a.b pmatch (/etc, /var/*)", "a.b pmatch (/etc, /var/*)"),
    ];
    for (text, printed) in cases {
        match parse(text) {
            Ok(expr) => assert_eq!(expr.to_string(), *printed, "{text}"),
            Err(err) => panic!("{text}: {err:?}"),
        }
    }
}

#[test]
fn every_operator_parses() {
    for op in Op::texts() {
        let right = if ["in", "intersects", "pmatch"].contains(&op) { "(x)" } else { "x" };
        let text = format!("a.b {op} {right}");
        assert_eq!(parse(&text).unwrap().to_string(), text);
    }
}

/// Text, the column at which it fails, the message.
#[test]
fn texts_that_do_not_parse() {
    let cases: &[(&str, u32, &str)] = &[
        ("", 0, "expected a field, a macro or `(`, found the end"),
        ("   ", 3, "expected a field, a macro or `(`, found the end"),
        ("and", 0, "expected a field, a macro or `(`, found `and`"),
        ("m and", 5, "expected a field, a macro or `(`, found the end"),
        ("m and or n", 6, "expected a field, a macro or `(`, found `or`"),
        ("m n", 2, "expected `and`, `or` or the end of the condition, found `n`"),
        ("(m", 0, "expected `)`, found the end"),
        ("(m n", 3, "expected `)`, found `n`"),
        ("m)", 1, "unmatched `)`"),
        ("(m) = x", 4, "expected `and`, `or` or the end of the condition, found `=`"),
        ("(x) in a.b", 7, "expected a list or the name of a list, found `a.b`"),
        ("(x, ) in val(a.b)", 4, "expected a value, found `)`"),
        ("()", 1, "expected a field, a macro or `(`, found `)`"),
        ("a.b", 3, "expected an operator after `a.b`, found the end"),
        ("a.b and m", 4, "expected an operator after `a.b`, found `and`"),
        ("a.b contain x", 4, "expected an operator after `a.b`, found `contain`"),
        ("a.b =", 5, "expected a value, found the end"),
        ("a.b = (x)", 6, "`=` takes one value"),
        ("a.b contains (x)", 13, "`contains` takes one value"),
        ("a.b = ,", 6, "expected a value, found `,`"),
        ("a.b in", 6, "expected a list or the name of a list, found the end"),
        ("a.b in \"x\"", 7, "expected a list or the name of a list, found `\"x\"`"),
        ("a.b in (x", 9, "expected `,` or `)`, found the end"),
        ("a.b in (x y)", 10, "expected `,` or `)`, found `y`"),
        ("a.b in (x,)", 10, "expected a value, found `)`"),
        ("a.b = \"x", 6, "quoted text is not closed"),
        ("a.b[1 = x", 3, "`[` is not closed"),
        ("m = x", 0, "`m` is not a field"),
        ("m exists", 0, "`m` is not a field"),
        ("upper(a.b) = x", 0, "unknown transformer `upper`"),
        ("1.b = x", 0, "expected a field, a macro or `(`, found `1.b`"),
        ("a.b = x = y", 8, "expected `and`, `or` or the end of the condition, found `=`"),
        ("\"x\" = y", 0, "expected a field, a macro or `(`, found `\"x\"`"),
        ("é", 0, "expected a field, a macro or `(`, found `é`"),
    ];
    for (text, column, message) in cases {
        let err = parse(text).expect_err(text);
        assert_eq!((err.span.start, err.problem.message.as_str()), (*column, *message), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}m{}", open.repeat(depth), close.repeat(depth))
    };
    assert!(parse(&nested("(", ")", CONDITION_DEPTH_MAX)).is_ok());
    assert!(parse(&nested("(", ")", CONDITION_DEPTH_MAX + 1)).is_err());
    assert!(parse(&nested("not ", "", CONDITION_DEPTH_MAX + 1)).is_err());
    assert!(parse(&format!("a.b in {}", nested("(", ")", 100_000 / 2))).is_err());
    assert!(parse(&format!("{} = x", nested("len(", ")", 20_000))).is_err());
}

fn span() -> Span {
    Span::default()
}

fn literal() -> impl Strategy<Value = Literal> {
    // Quoted is what the printer must make of anything that is not bare.
    prop_oneof![
        "[a-z0-9/._*-]{1,8}".prop_map(|text| Literal { text, quoted: false, span: span() }),
        any::<String>().prop_map(|text| Literal { text, quoted: true, span: span() }),
    ]
}

fn list() -> impl Strategy<Value = List> {
    let item = literal().prop_map(Operand::Literal).boxed();
    let items = item.prop_recursive(3, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3)
            .prop_map(|items| Operand::List(List { items, span: span() }))
    });
    prop::collection::vec(items, 0..4).prop_map(|items| List { items, span: span() })
}

fn field() -> impl Strategy<Value = Operand> {
    let arg = prop::option::of("[a-z0-9/*]{1,5}");
    ("[a-z]{1,4}\\.[a-z]{1,4}", arg).prop_map(|(name, arg)| {
        let arg = arg.map(|text| Literal { text, quoted: false, span: span() });
        Operand::Field(FieldRef { name, arg, span: span() })
    })
}

fn left() -> impl Strategy<Value = Operand> {
    field().prop_recursive(2, 4, 2, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|args| {
            let function = Function::Concat;
            Operand::Call(Call { function, args, index: None, span: span() })
        })
    })
}

fn check() -> impl Strategy<Value = Expr> {
    let one = (prop::sample::select(Op::texts().collect::<Vec<_>>()), literal(), list());
    let compare = one.prop_map(|(op, literal, list)| {
        let op = Op::from_text(op).unwrap();
        let right = if op.takes_list() { Operand::List(list) } else { Operand::Literal(literal) };
        Test::Compare { op, op_span: span(), modifier: None, right }
    });
    let modified = list().prop_map(|list| Test::Compare {
        op: Op::Contains,
        op_span: span(),
        modifier: Some(Modifier::Any),
        right: Operand::List(list),
    });
    let test = prop_oneof![Just(Test::Exists), compare, modified];
    (left(), test).prop_map(|(left, test)| Expr::Check(Check { left, test, span: span() }))
}

fn expr() -> impl Strategy<Value = Expr> {
    let name = "m[a-z_]{0,6}".prop_map(|text| Expr::Macro(Name { text, span: span() }));
    prop_oneof![name, check()].prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(expr in expr()) {
        let text = expr.to_string();
        match parse(&text) {
            Ok(parsed) => prop_assert_eq!(parsed, expr, "{}", text),
            Err(err) => prop_assert!(false, "{}: {:?}", text, err),
        }
    }

    #[test]
    fn no_text_stops_the_parser(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn no_soup_of_words_stops_the_parser(
        words in prop::collection::vec(prop::sample::select(vec![
            "a.b", "and", "or", "not", "(", ")", "in", "=", "!=", "\"", "'", ",", "[", "]", "len",
            "val", "exists", "anyof", "\\", "é", "x", " ", "\n", "<=",
        ]), 0..30)
    ) {
        drop(parse(&words.concat()));
        drop(parse(&words.join(" ")));
    }
}
