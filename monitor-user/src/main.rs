//! test
use runmon::bpf::object::*;
use monitor_common::Program;
fn main() {
    let t = std::time::Instant::now();
    let mut o = Object::load(&LoadOptions { ring_bytes: 8 << 20, kernel_log: false, cgroup_v1_controller: Some("pids") }).unwrap();
    eprintln!("loaded {:?}", t.elapsed());
    for p in Program::ALL {
        if p == Program::TaskIter { continue }
        let t = std::time::Instant::now();
        match o.attach(p) {
            Ok(()) => eprintln!("OK   {:16} verified {:?} {:?}", p.name(), o.verified_instructions(p), t.elapsed()),
            Err(e) => { eprintln!("FAIL {:16} {e}", p.name()); let mut s: Option<&dyn std::error::Error> = std::error::Error::source(&e); while let Some(x) = s { let t = format!("{x}"); eprintln!("     {}", &t[t.len().saturating_sub(2500)..]); s = x.source(); } }
        }
    }
    let t = std::time::Instant::now();
    match o.walk_tasks() { Ok(b) => eprintln!("iter {} bytes verified {:?} {:?}", b.len(), o.verified_instructions(Program::TaskIter), t.elapsed()), Err(e) => { eprintln!("FAIL iter {e:?}"); } }
}
