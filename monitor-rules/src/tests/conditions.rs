//! Which conditions hold for which values.

use super::toy::{self, CONNECT, EXEC, Fact, OPEN, Toy};
use crate::Tri;

use Fact::{Bool, Bytes, Int, Ip, Str};

fn sample() -> Toy {
    toy::event(
        OPEN,
        &[
            ("proc.name", Str("bash")),
            ("proc.pname", Str("sshd")),
            ("proc.cmdline", Str("bash -c \"Curl http://x\"")),
            ("proc.pid", Int(42)),
            ("proc.ppid", Int(42)),
            ("evt.num", Int(7)),
            ("evt.is_open_write", Bool(true)),
            ("fd.name", Str("/etc/pam.d/sshd")),
            ("fd.path", Bytes(b"/tmp/\xff\xfe")),
            ("fd.ip", Ip("10.1.2.3")),
            ("fd.port", Int(-5)),
            ("proc.aname", Str("sh")),
            ("proc.aname", Str("sshd")),
            ("proc.aname", Str("systemd")),
            ("proc.args", Str("-c")),
            ("proc.args", Str("id")),
            ("HOME", Str("/root")),
            ("container.id", Str("aGVsbG8=")),
        ],
    )
}

fn check(cases: &[(&str, bool)]) {
    let sample = sample();
    for (text, expected) in cases {
        let truth = toy::compile(text).eval(&sample);
        assert_eq!(truth, Tri::from(*expected), "{text}");
        let negated = toy::compile(&format!("not ({text})")).eval(&sample);
        assert_eq!(negated, Tri::from(!*expected), "not ({text})");
    }
}

#[test]
fn an_argument_behind_a_dot_is_the_one_in_brackets() {
    check(&[("proc.env.HOME = /root", true), ("proc.env.TERM exists", false)]);
}

#[test]
fn options() {
    let nc = toy::event(
        EXEC,
        &[
            ("words", Str("-nt")),
            ("words", Str("a b")),
            ("words", Str("host")),
            ("words", Str("-x")),
        ],
    );
    let none = toy::event(EXEC, &[("words", Str("host"))]);
    let cut = toy::event(EXEC, &[("words", Str("-n")), ("words", Fact::Pending)]);
    let (yes, no, open) = (Tri::True, Tri::False, Tri::Unknown);
    let got = "getopt(proc.cmdline, \"nt:\")";
    let cases = [
        ("(n, t) in GOT", [yes, no, open]),
        ("(n) in GOT", [yes, no, yes]),
        ("(n, z) in GOT", [no, no, open]),
        ("(t) in GOT", [yes, no, open]),
        ("GOT intersects (z, t)", [yes, no, open]),
        ("GOT intersects (n, t)", [yes, no, yes]),
        ("(z, t) intersects GOT", [yes, no, open]),
        ("GOT in (n, t)", [no, no, open]),
        ("GOT in (n, t, '?')", [yes, no, open]),
        ("GOT = '?'", [yes, no, open]),
        ("GOT exists", [yes, no, yes]),
        ("GOT[t] = 'a b'", [yes, no, open]),
        ("GOT[t] startswith a", [yes, no, open]),
        ("GOT[t] = host", [no, no, open]),
        ("GOT[t] exists", [yes, no, open]),
        ("len(GOT) = 3", [yes, no, open]),
        ("len(GOT) = 0", [no, yes, open]),
        ("join(',', GOT) = 'n,t,?'", [yes, no, open]),
        ("toupper(GOT) = N", [yes, no, yes]),
        ("getopt((-n, proc.name, -t), 'nt') in (n, t)", [yes, yes, yes]),
    ];
    for (text, expected) in cases {
        let condition = toy::compile(&text.replace("GOT", got));
        let truths = [&nc, &none, &cut].map(|event| condition.eval(event));
        assert_eq!(truths, expected, "{text}");
    }
}

#[test]
fn equality() {
    check(&[
        ("proc.name = bash", true),
        ("proc.name == bash", true),
        ("proc.name=bash", true),
        ("proc.name = \"bash\"", true),
        ("proc.name = 'bash'", true),
        ("proc.name = Bash", false),
        ("proc.name = bas", false),
        ("proc.name != bash", false),
        ("proc.name != zsh", true),
        ("proc.name!=zsh", true),
        ("proc.pid = 42", true),
        ("proc.pid = 0x2a", true),
        ("proc.pid = +42", true),
        ("proc.pid = 43", false),
        ("proc.pid != 43", true),
        ("fd.port = -5", true),
        ("evt.is_open_write = true", true),
        ("evt.is_open_write=TRUE", true),
        ("evt.is_open_write = false", false),
        ("evt.is_open_write != false", true),
    ]);
}

#[test]
fn order() {
    check(&[
        ("proc.pid < 42", false),
        ("proc.pid <= 42", true),
        ("proc.pid > 41", true),
        ("proc.pid >= 43", false),
        ("proc.pid>=42", true),
        ("evt.num>=0", true),
        ("fd.port < 0", true),
        ("fd.port > -6", true),
    ]);
}

#[test]
fn text_operators() {
    check(&[
        ("proc.cmdline contains Curl", true),
        ("proc.cmdline contains curl", false),
        ("proc.cmdline icontains cURL", true),
        ("proc.cmdline icontains wget", false),
        ("proc.cmdline contains \"\\\"Curl\"", true),
        ("proc.cmdline contains '\"Curl'", true),
        ("proc.cmdline contains \"\"", true),
        ("proc.name startswith ba", true),
        ("proc.name startswith sh", false),
        ("proc.name endswith sh", true),
        ("proc.name endswith ba", false),
        ("fd.name startswith /etc/", true),
        ("fd.path bcontains fffe", true),
        ("fd.path bcontains FFFE", true),
        ("fd.path bcontains fefe", false),
        ("fd.path bstartswith 2f746d", true),
        ("fd.path bstartswith 746d", false),
        ("proc.name icontains a.h", false),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("fd.name glob /etc/*/sshd", true),
        ("fd.name glob /etc/*", true),
        ("fd.name glob /etc", false),
        ("fd.name glob /etc/pam.d/ssh?", true),
        ("fd.name glob /etc/pam.d/ssh[a-d]", true),
        ("fd.name glob /etc/pam.d/ssh[!a-d]", false),
        ("fd.name glob /etc/pamxd/sshd", false),
        ("fd.name glob \"/etc/pam\\.d/*\"", true),
        ("fd.name glob /ETC/*", false),
        ("fd.name iglob /ETC/*", true),
        ("fd.path glob /tmp/??", true),
        ("fd.path glob /tmp/*", true),
        ("proc.name regex \"ba(sh|r)\"", true),
        ("proc.name regex ba", false),
        ("proc.name regex \"b.*\"", true),
        ("proc.name regex \"z|b...\"", true),
        ("proc.name regex \"bash|\"", true),
        ("fd.name regex \"/etc/pam\\.d/[a-z]+\"", true),
    ]);
}

#[test]
fn sets() {
    check(&[
        ("proc.name in (bash, zsh)", true),
        ("proc.name in (zsh)", false),
        ("proc.name in ()", false),
        ("proc.name in(bash)", true),
        ("proc.name in (\"bash\")", true),
        ("proc.name in ((a, b), (bash))", true),
        ("proc.name in (a,b,c,d,e,f,g,h,i,j,k)", false),
        ("proc.name in (a,b,c,d,e,f,g,h,i,j,bash)", true),
        ("proc.name intersects (bash, zsh)", true),
        ("proc.pid in (1, 42, 7)", true),
        ("proc.pid in (1, 2)", false),
        ("evt.is_open_write in (true, false)", true),
        ("evt.is_open_write in (false)", false),
        ("fd.ip in (10.0.0.0/8)", true),
        ("fd.ip in (\"10.0.0.0/8\", \"fe80::/10\")", true),
        ("fd.ip in (11.0.0.0/8, 10.1.2.3)", true),
        ("fd.ip in (10.1.2.0/31)", false),
        ("fd.ip = 10.1.2.3", true),
        ("fd.ip = 10.1.2.2/31", true),
        ("fd.ip = 0.0.0.0/0", true),
        ("fd.ip != 10.1.2.3", false),
        ("fd.ip = ::ffff:10.1.2.3", false),
        ("fd.ip = ::/0", false),
    ]);
}

#[test]
fn path_prefixes() {
    check(&[
        ("fd.name pmatch (/etc)", true),
        ("fd.name pmatch (/etc/)", true),
        ("fd.name pmatch (/et)", false),
        ("fd.name pmatch (/)", true),
        ("fd.name pmatch (/etc/pam.d)", true),
        ("fd.name pmatch (/etc/pam.d/sshd)", true),
        ("fd.name pmatch (/etc/pam.d/sshd/x)", false),
        ("fd.name pmatch (/var, /etc)", true),
        ("fd.name pmatch (/var, /usr)", false),
        ("fd.name pmatch (/*/pam.d)", true),
        ("fd.name pmatch (/*/sshd)", false),
        ("fd.name pmatch (/e*/p?m.d)", true),
        ("fd.name pmatch ()", false),
        ("fd.name pmatch (/a,/b,/c,/d,/e,/f,/g,/h,/i,/j,/k,/l,/m,/n,/o,/p,/q,/etc/)", true),
        ("fd.name pmatch (/a,/b,/c,/d,/e,/f,/g,/h,/i,/j,/k,/l,/m,/n,/o,/p,/q,/et)", false),
        ("fd.name pmatch (/a,/b,/c,/d,/e,/f,/g,/h,/i,/j,/k,/l,/m,/n,/o,/p,/q,/)", true),
        ("fd.name pmatch (etc)", false),
        ("proc.name pmatch (/)", false),
    ]);
}

#[test]
fn modifiers() {
    check(&[
        ("proc.name startswith anyof (z, b)", true),
        ("proc.name startswith anyof (z, y)", false),
        ("proc.name startswith allof (b, ba)", true),
        ("proc.name startswith allof (b, z)", false),
        ("proc.name startswith oneof (b, z)", true),
        ("proc.name startswith oneof (b, ba)", false),
        ("proc.name contains anyof ()", false),
        ("proc.name contains allof ()", true),
        ("proc.name = anyof (zsh, bash)", true),
        ("proc.name != allof (zsh, bash)", false),
        ("proc.name glob anyof (z*, b*)", true),
        ("proc.cmdline icontains allof (CURL, BASH)", true),
        ("proc.name = anyof", false),
    ]);
}

#[test]
fn several_values() {
    check(&[
        ("proc.aname = sshd", true),
        ("proc.aname = bash", false),
        ("proc.aname[1] = sh", true),
        ("proc.aname[2] = sshd", true),
        ("proc.aname[2] = sh", false),
        ("proc.aname[9] = sh", false),
        ("proc.aname[9] exists", false),
        ("proc.aname in (sshd, x)", true),
        ("proc.aname in (y, x)", false),
        ("proc.aname startswith sys", true),
        ("proc.aname exists", true),
        // A set: all of it, or some of it.
        ("proc.args in (-c, id)", true),
        ("proc.args in (-c, id, ls)", true),
        ("proc.args in (-c)", false),
        ("proc.args intersects (-c)", true),
        ("proc.args intersects (ls)", false),
        ("proc.args = id", true),
        ("proc.args contains d", true),
    ]);
}

#[test]
fn absent_is_false_and_its_negation_true() {
    check(&[
        ("container.image = x", false),
        ("container.image != x", false),
        ("container.image in (x)", false),
        ("container.image contains \"\"", false),
        ("container.image exists", false),
        ("proc.name exists", true),
        ("proc.env[HOME] exists", true),
        ("proc.env[HOM*] = /root", true),
        ("proc.env[PATH] exists", false),
        ("not container.image = x", true),
        ("not container.image != x", true),
        ("len(container.image) = 0", true),
    ]);
}

#[test]
fn precedence() {
    check(&[
        ("proc.pid = 1 and proc.pid = 1 or proc.pid = 42", true),
        ("proc.pid = 42 or proc.pid = 1 and proc.pid = 1", true),
        ("(proc.pid = 42 or proc.pid = 1) and proc.pid = 1", false),
        ("not proc.pid = 1 and proc.pid = 1", false),
        ("not (proc.pid = 1 and proc.pid = 1)", true),
        ("not not proc.pid = 42", true),
        ("not(proc.pid = 42)or(proc.pid = 42)", true),
        ("((((proc.pid = 42))))", true),
        ("not proc.pid = 42 or not proc.pid = 1", true),
    ]);
}

#[test]
fn transformers() {
    check(&[
        ("toupper(proc.name) = BASH", true),
        ("tolower(proc.cmdline) contains curl", true),
        ("basename(fd.name) = sshd", true),
        ("basename( fd.name ) in (x, sshd)", true),
        ("len(proc.name) = 4", true),
        ("len(proc.name) > 4", false),
        ("len(proc.args) = 2", true),
        ("b64(container.id) = hello", true),
        ("b64(proc.cmdline) exists", false),
        ("concat(proc.name, \":\", proc.pname) = bash:sshd", true),
        ("join(\" \", proc.args) = \"-c id\"", true),
        ("join(\",\", (proc.name, proc.pname)) = \"bash,sshd\"", true),
        ("join(\"\", (toupper(proc.name), (\"-\", proc.args))) = BASH--cid", true),
        ("join(\",\", (a, \"proc.name\", 5)) = \"a,proc.name,5\"", true),
        ("join(\",\", (proc.name, container.image)) = bash", true),
        ("concat(x, (proc.name, proc.pid)) = xbash42", true),
        ("len((proc.name, proc.args, x)) = 4", true),
        ("tolower((proc.cmdline, X)) = x", true),
        ("toupper((proc.name, proc.pname)) = SSHD", true),
        ("tolower(toupper(proc.name)) = bash", true),
        ("proc.pname = val(proc.name)", false),
        ("proc.pid = val(proc.ppid)", true),
        ("proc.pid >= val(evt.num)", true),
        ("basename(fd.name) = val(proc.pname)", true),
        ("proc.name = tolower(proc.name)", true),
        ("proc.aname = val(proc.pname)", true),
        ("proc.pname in val(proc.aname)", true),
        ("proc.args in val(proc.aname)", false),
        ("proc.args in val(proc.args)", true),
        ("fd.name contains val(proc.pname)", true),
        ("proc.name = val(container.image)", false),
    ]);
}

#[test]
fn event_types_are_kinds() {
    let cases: &[(&str, [bool; 3])] = &[
        ("evt.type = execve", [true, false, false]),
        ("evt.type = open", [false, true, false]),
        ("evt.type in (open, openat, connect)", [false, true, true]),
        ("evt.type in (brk, connect)", [false, false, true]),
        ("evt.type != open", [true, false, true]),
        ("not evt.type = open", [true, false, true]),
        ("evt.type startswith exec", [true, false, false]),
        ("evt.type contains e", [true, true, true]),
        ("evt.type glob open*", [false, true, false]),
        ("evt.type exists", [true, true, true]),
        ("evt.type = brk", [false, false, false]),
    ];
    for (text, expected) in cases {
        let condition = toy::compile(text);
        for kind in [EXEC, OPEN, CONNECT] {
            let truth = condition.eval(&toy::event(kind, &[]));
            assert_eq!(truth, Tri::from(expected[kind as usize]), "{text}, kind {kind}");
        }
    }
}

#[test]
fn both_ends_of_a_connection() {
    let between = |ends: &[&'static str]| {
        let facts: Vec<_> = ends.iter().map(|end| ("fd.ends", Ip(end))).collect();
        toy::event(CONNECT, &facts)
    };
    let holds = |ends: &[&'static str], text: &str| toy::compile(text).eval(&between(ends));
    let both = ["10.0.0.1", "192.0.2.1"];
    assert_eq!(holds(&both, "fd.ends = 10.0.0.1"), Tri::True, "either is equal");
    assert_eq!(holds(&both, "fd.ends != 10.0.0.1"), Tri::False, "one is equal");
    assert_eq!(holds(&both, "fd.ends != \"192.0.2.0/24\""), Tri::False);
    assert_eq!(holds(&both, "fd.ends != 10.0.0.2"), Tri::True, "neither is");
    assert_eq!(holds(&[], "fd.ends != 10.0.0.2"), Tri::False, "there are none");
    assert_eq!(holds(&both, "not fd.ends != 10.0.0.1"), Tri::True);
}
