use super::*;

/// Reads a file of `/srv/shop` on a machine with 2 processors.
fn module(source: &str, variables: &[(&str, &str)], is_whole: bool) -> Module {
    let variables = variables.iter();
    let surroundings = Surroundings {
        variables: variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        is_whole,
        file: Some("/srv/shop/conf/g.py".to_owned()),
        directory: Some("/srv/shop".to_owned()),
        processors: Some(2),
    };
    read(source, &surroundings)
}

/// Returns the value of `a`, and the variables of which it is assumed that they are unset.
fn a_of(source: &str) -> (Option<Value>, Vec<String>) {
    let found = module(source, &[("SET", "/e")], false).get("a");
    let assumed = found.iter().flat_map(|bound| &bound.assumed);
    let assumed = assumed.map(|assumed| match assumed {
        Assumed::Unset(name) => name.clone(),
        Assumed::Processors(number) => number.to_string(),
    });
    let assumed = assumed.collect();
    (found.map(|bound| bound.value), assumed)
}

#[track_caller]
fn is(source: &str, expected: &str, assumed: &[&str]) {
    let expected = Some(Value::Text(expected.to_owned()));
    let assumed = assumed.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(a_of(source), (expected, assumed), "{source}");
}

#[track_caller]
fn is_number(source: &str, expected: i64) {
    assert_eq!(a_of(source).0, Some(Value::Number(expected)), "{source}");
}

#[track_caller]
fn is_unknown(source: &str, expected: &str) {
    let found = a_of(source).0;
    let why = found.as_ref().and_then(Value::reason);
    let why = why.unwrap_or_else(|| panic!("{source}: {found:?}"));
    assert!(why.contains(expected), "{source}: {why}");
}

#[test]
fn constants_are_computed() {
    is("a = 'x'  # c\nb = 1", "x", &[]);
    is("a = ('x '\n  # c\n  \"y\" # d\n)\n", "x y", &[]);
    is("a = 'x' \\\n 'y'; b = None", "xy", &[]);
    is("a: str = 'x' + r'\\y'", "x\\y", &[]);
    is("a = '''x\ny'''", "x\ny", &[]);
    is("D = '/l'\na = D + '/a.log'", "/l/a.log", &[]);
    is("D = '/l'\na = f'{D}/{1 + 1}{{x}}'", "/l/2{x}", &[]);
    is("a = '%s/%d%%' % ('/l', 3)", "/l/3%", &[]);
    is("a = '%(x)s' % {'x': '/l'}", "/l", &[]);
    is("a = '{}/{n}{{}}'.format('/l', n=2)", "/l/2{}", &[]);
    is("a = ' '.join(['x', 'y'])", "x y", &[]);
    is("a = '/l/'.rstrip('/') + ' x '.strip()", "/lx", &[]);
    is(
        "import json\na = json.dumps({'s': '%(s)s', 'n': 1})",
        "{\"s\": \"%(s)s\", \"n\": 1}",
        &[],
    );
    is("a = {'x': '/l'}['x'] + ['b', 'c'][-1]", "/lc", &[]);
    is("a = b = 'x'", "x", &[]);
    is("b, a = 'x', 'y'", "y", &[]);
    is("a = 'x'\na += 'y'", "xy", &[]);
    is("a = None or 'x' and 'y'", "y", &[]);
    is("a = 'x' if 2 > 1 and not False else z", "x", &[]);
    is("f(a=1)\na = 'x'\n'doc = 1'", "x", &[]);
    is_number("a = 5 # c", 5);
    is_number("a = int(' 4 ') * (2 + 1) // 5 - -1", 3);
    is_number(
        "import multiprocessing\na = multiprocessing.cpu_count() * 2 + 1",
        5,
    );
    is_number(
        "from multiprocessing import cpu_count as n\na = max(3, min(n(), 9))",
        3,
    );
    assert_eq!(a_of("b = 1\na == 1\ndef f(a=1): a = 2").0, None);
    assert_eq!(a_of("a = None").0, Some(Value::Nothing));
}

#[test]
fn paths_are_computed() {
    let os = |rest: &str| format!("import os\n{rest}");
    is(
        &os("a = os.path.join('/l', 'x', 'y.log')"),
        "/l/x/y.log",
        &[],
    );
    is(
        &os("a = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'l')"),
        "/srv/shop/conf/l",
        &[],
    );
    is(&os("a = os.path.abspath('../l')"), "/srv/l", &[]);
    is(
        &os("a = os.path.basename('/x/y') + os.sep + os.getcwd()"),
        "y//srv/shop",
        &[],
    );
    is(
        "from os.path import join as j\na = j('/l', '/m')",
        "/m",
        &[],
    );
    let path = |rest: &str| format!("from pathlib import Path\n{rest}");
    is(
        &path("B = Path(__file__).resolve().parent.parent\na = str(B / 'l' / 'x.log')"),
        "/srv/shop/l/x.log",
        &[],
    );
    is(&path("a = f'{Path(\"/l\") / \"x\"}'"), "/l/x", &[]);
    is(
        &path("a = str(Path(__file__).parents[1].joinpath('x'))"),
        "/srv/shop/x",
        &[],
    );
    is(
        "import pathlib as p\na = (p.Path.cwd() / 'x').as_posix()",
        "/srv/shop/x",
        &[],
    );
}

#[test]
fn the_environment_is_known_or_assumed() {
    let os = |rest: &str| format!("import os\nfrom os import environ, getenv\n{rest}");
    is(&os("a = os.environ.get('SET', '/d')"), "/e", &[]);
    is(&os("a = environ['SET'] + '/x'"), "/e/x", &[]);
    is(&os("a = getenv('L', '/d') + '/x'"), "/d/x", &["L"]);
    is(&os("a = os.environ.get('L') or '/d'"), "/d", &["L"]);
    is(&os("a = '/x' if 'L' in os.environ else '/d'"), "/d", &["L"]);
    is(&os("b = getenv('L', '/d')\na = f'{b}/x'"), "/d/x", &["L"]);
    is(&os("a = '/x' if True else getenv('L', '/d')"), "/x", &[]);
    is(&os("a = '/x' or getenv('L')"), "/x", &[]);
    is(
        &os("if getenv('L'):\n  a = '/x'\nelse:\n  a = '/d'"),
        "/d",
        &["L"],
    );
    is(&os("a = '/d'\nif getenv('L'):\n  a = '/x'\n"), "/d", &["L"]);
    is(&os("a = '/d'\nif getenv('L'):\n  b = '/x'\n"), "/d", &[]);
    is(&os("if not getenv('SET'):\n  raise X\na = '/d'"), "/d", &[]);
    is(
        &os("os.environ['L'] = '/s'\na = os.environ['L']"),
        "/s",
        &[],
    );
    is(
        &os("os.environ.setdefault('L', '/s')\na = os.environ['L']"),
        "/s",
        &[],
    );
    is_unknown(&os("a = os.environ['L']"), "variable L of the environment");
    let whole = |source: &str| module(&os(source), &[], true).get("a").unwrap();
    let found = whole("a = getenv('L', '/d')");
    assert!(found.assumed.is_empty() && found.value == Value::Text("/d".to_owned()));
    let found = whole("from dotenv import load_dotenv\nload_dotenv()\na = getenv('L', '/d')");
    assert_eq!(found.assumed.len(), 1);
}

#[test]
fn both_branches_count() {
    is("if x:\n    a = 'y'\nelse:\n    a = 'y'\n", "y", &[]);
    is("if 1 == 1: a = 'x'; b = 1\nelse: a = 'y'", "x", &[]);
    is(
        "if False:\n  a = 'x'\nelif True:\n  a = 'y'\nelse:\n  a = 'z'",
        "y",
        &[],
    );
    is(
        "try:\n  import x\n  a = 'y'\nexcept ImportError:\n  raise\n",
        "y",
        &[],
    );
    is("with open('f') as f:\n  b = f.read()\na = 'y'", "y", &[]);
    is("for x in y:\n  b = x\na = 'y'", "y", &[]);
    is("a = 'y'\ndef f():\n  a = 'x'\n  return 1\n", "y", &[]);
    is_unknown(
        "if x:\n    a = 'y'\n",
        "`if` in line 1 decides: `x` is not assigned",
    );
    is_unknown("a = 'x'\nif x == 1: a = 'y'", "`if` in line 2");
    is_unknown(
        "a = 'x'\ntry:\n  import x\n  a = 'y'\nexcept E:\n  pass",
        "`try` in line 2",
    );
    is_unknown("a = ''\nfor x in y:\n  a += x", "");
    is_unknown("a = 'b'\nwhile x:\n  a = 'c'", "`while` in line 2");
    is_unknown(
        "b = 'x'\nc = 'x'\na = 'x'\nfor i in y:\n  a = b\n  b = c\n  c = 'z'",
        "`for` in line 4",
    );
    is_unknown("match x:\n  case 1:\n    a = 'y'", "");
}

#[test]
fn what_is_not_computed_is_unknown_with_a_reason() {
    let check = |value: &str, expected: &str| is_unknown(&format!("a = {value}"), expected);
    check("b'x'", "bytes");
    check("1.5", "`1.5`");
    check("lambda: 1", "`lambda: 1`");
    check("[x for x in y]", "");
    check("f'{1:>3}'", "f-string");
    check("'x' ** 2", "");
    check("'{:>3}'.format(1)", "`.format()`");
    check("'x' + y", "`y` is not assigned");
    check("'x' * 99", "");
    check("'x'[0:1]", "");
    check("(yield)", "");
    check("'x' if y else 'z'", "`y` is not assigned");
    check("((((", "");
    is_unknown(
        "from m import b\na = b",
        "`m.b` is defined in a module that is not read",
    );
    is_unknown(
        "import socket\na = '/l/' + socket.gethostname()",
        "`socket.gethostname()`",
    );
    is_unknown(
        "a = 'x'\nfrom m import *",
        "`from m import *` in line 2 may assign it",
    );
    is("from m import *\na = 'x'", "x", &[]);
    is_unknown("a = 'x'\nexec(open('f').read())", "`exec` in line 2");
    is_unknown("a = 'x'\nglobals()['a'] = 'y'", "`globals` in line 2");
    is_unknown(
        "import sys\na = 'x'\nsetattr(sys.modules[__name__], 'a', 'y')",
        "line 3",
    );
    is_unknown(
        "a = 'x'\ndef f():\n  global a\n  a = 'y'\nf()",
        "`global` in line 3",
    );
    is_unknown(
        "def f():\n  return 'x'\na = f()",
        "`f` of line 1 is not run",
    );
    is_unknown("print(a := 'x')", "`:=` assigns it in line 1");
    is_unknown("b = ['x']\nb.append('y')\na = ' '.join(b)", "may change it");
    is_unknown(
        "import m\nb = ['x']\nm.f(b)\na = ' '.join(b)",
        "may change it",
    );
    is_unknown("a = 'x'\n".repeat(60_000).as_str(), "too long");
    let doubled = "a = 'xxxxxxxxxxxxxxxx'\n".to_owned() + &"a = a + a\n".repeat(40);
    is_unknown(&doubled, "too long");
    let deep = format!("a = {}1", "(".repeat(100_000));
    is_unknown(&deep, "");
    let nested = |line: &str, depth| {
        let lines = (0..depth).map(|depth| " ".repeat(depth) + line);
        lines.collect::<String>()
    };
    let deep = nested("if x:\n", 300);
    is_unknown(&(deep + &" ".repeat(300) + "a = 1"), "too deep");
    let loops = nested("for x in y:\n", 40);
    is_unknown(&(loops + &" ".repeat(40) + "a = 1"), "");
}
