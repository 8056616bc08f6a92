//! The ordinary life of services. Names, contents and processes differ from round to round.

use std::fs;
use std::time::{Duration, SystemTime};

use super::place::Service;
use crate::wait;

/// A number that nobody had before.
fn fresh() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_nanos()
}

/// Pages, new ones, too, and orders, a large one of which is put aside on the disk.
pub(super) fn of_web(web: &Service<'_>, round: usize) {
    let page = format!("www/page-{}.html", fresh());
    fs::write(web.volume().join(&page), format!("round {round}")).expect("write a page");
    for path in ["/", "/index.html", page.strip_prefix("www").unwrap_or_default()] {
        web.get(path);
    }
    for lines in [1, 20_000] {
        let answer = web.post("/prices.cgi", &format!("order {}\n", fresh()).repeat(lines));
        assert!(answer.ends_with("42\n"), "{answer}");
    }
}

/// Values come and go, and are written to the disk in each way; a probe looks.
pub(super) fn of_database(database: &Service<'_>, round: usize) {
    for key in 0..20 {
        assert_eq!(database.ask(&format!("SET key:{round}:{key} {}", fresh())), "+OK");
    }
    database.ask(&format!("GET key:{round}:1"));
    database.ask(&format!("LPUSH queue {}", fresh()));
    database.ask("EXPIRE queue 1");
    assert_eq!(database.ask("SAVE"), "+OK");
    for task in ["BGSAVE", "BGREWRITEAOF"] {
        // It has one of them at a time.
        wait::until(task, || database.ask(task).starts_with("+Background").then_some(()));
        wait::until(task, || (database.ask("SAVE") == "+OK").then_some(()));
    }
    database.exec(&["/usr/bin/redis-cli", "-h", "127.0.53.63", "PING"]);
}

/// Files are taken, packed and put away.
pub(super) fn of_batch(batch: &Service<'_>, round: usize) {
    for part in 0..3 + round {
        let path = batch.volume().join(format!("in/sales-{part}-{}.csv", fresh()));
        fs::write(path, format!("{}\n", fresh()).repeat(100)).expect("write a part");
    }
    batch.order(
        "d=$(mktemp -d); n=0\n\
         for f in $(find /workload/in -name '*.csv' | sort); do\n\
         n=$((n+1)); cp $f $d/part-$n.csv; rm $f; done\n\
         cat $d/*.csv | sort | uniq -c > $d/sum.txt\n\
         tar -C $d -czf /workload/out/.new.tgz .\n\
         mv /workload/out/.new.tgz /workload/out/$(date +%s%N).tgz\n\
         rm -r $d; echo done >> /workload/out/log",
    );
    let put_away = fs::read_dir(batch.volume().join("out")).expect("what was put away");
    // Beside the log.
    assert_eq!(put_away.count(), round + 2, "each round packs its files");
}

/// What scripts of a shop do: look for names, send to their addresses, and keep books.
pub(super) fn of_shell(shell: &Service<'_>, round: usize) {
    shell.order(&format!(
        "for n in db cache-{round} queue; do\n\
         nslookup $n.shop.test 127.0.53.53 > /dev/null; done\n\
         echo {} > /data/orders-{round}.csv\n\
         cat /data/orders-* | nc -w 2 127.0.53.1 9000\n\
         t=$(mktemp /tmp/tmp.XXXXXX); sort /data/orders-* > $t; mv $t /data/sorted\n\
         gzip -c /data/sorted > /data/sorted.gz; ls -l /data | grep csv > /data/list",
        fresh()
    ));
    let list = fs::read_to_string(shell.volume().join("list")).expect("the list");
    assert_eq!(list.lines().count(), round + 1, "{list}");
}
