//! Where the cgroups begin that the bundles of a runtime name. That is the root, unless the runtime
//! is itself in a container: a node of a cluster can be one. Then it is a cgroup in which the
//! runtime is, too; whoever makes cgroups inside of another container cannot bring it there.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{cgroups::CgroupTree, roots};
use crate::reach::Reach;

/// How long a runtime is taken to be where it was found: it is looked for in all cgroups, and
/// whoever makes some can ask for that.
const REST: Duration = Duration::from_secs(10);

/// Where runtimes are, by their sockets.
#[derive(Default)]
pub(super) struct Nodes {
    of: HashMap<PathBuf, Node>,
}

struct Node {
    looked: Instant,
    /// The runtime's cgroup, in each hierarchy.
    cgroups: Vec<String>,
}

impl Node {
    fn is_in(&self, cgroup: &str) -> bool {
        let rests = self.cgroups.iter().filter_map(|path| path.strip_prefix(cgroup));
        rests.into_iter().any(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Nodes {
    /// Whether the runtime with that socket is in a cgroup, or below it. Users have no nodes.
    pub(super) fn is_in(
        &mut self,
        (reach, tree): (&dyn Reach, &CgroupTree),
        socket: &Path,
        cgroup: &str,
    ) -> bool {
        if roots::is_users(cgroup) {
            return false;
        }
        if let Some(node) = self.of.get(socket)
            && (node.is_in(cgroup) || node.looked.elapsed() < REST)
        {
            return node.is_in(cgroup);
        }
        let pid = listener(reach, socket);
        let cgroups = pid.map(|pid| tree.of_process(pid)).unwrap_or_default();
        let node = Node { looked: Instant::now(), cgroups };
        let is_in = node.is_in(cgroup);
        self.of.insert(socket.to_owned(), node);
        is_in
    }
}

/// The process that listens on a socket, if it can be seen from here.
fn listener(reach: &dyn Reach, socket: &Path) -> Option<i32> {
    reach.listener(socket).ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt as _, net::UnixListener};

    use super::{super::cgroups::hierarchies, *};
    use crate::{reach::Direct, records::folder::Folder};

    #[test]
    fn a_runtime_is_below_what_is_above_it() {
        let cgroups = vec!["/docker/n1/system.slice/containerd.service".to_owned(), "/".to_owned()];
        let node = Node { looked: Instant::now(), cgroups };
        for above in ["/docker/n1", "/docker/n1/system.slice/containerd.service"] {
            assert!(node.is_in(above), "{above}");
        }
        for other in ["/docker/n", "/docker/n1/kubepods", "/n1"] {
            assert!(!node.is_in(other), "{other}");
        }
    }

    /// Here the test is the runtime.
    #[test]
    fn a_runtime_is_where_who_listens_is() {
        let folder = Folder::new("metadata-node");
        std::fs::create_dir_all(folder.path()).unwrap();
        let socket = folder.path().join("sock");
        let tree = CgroupTree::new(None);
        assert_eq!(listener(&Direct, &socket), None);
        let _listener = UnixListener::bind(&socket).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(listener(&Direct, &socket), Some(own));
        let told = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let told = told.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        // Where only a part of the hierarchy is shown, paths are those of that part.
        let is_whole = hierarchies(None)
            .iter()
            .any(|it| std::fs::metadata(&it.root).is_ok_and(|root| root.ino() == 1));
        if is_whole && told.starts_with('/') {
            assert_eq!(tree.of_process(own), [told]);
        }
        let mut nodes = Nodes::default();
        assert!(!nodes.is_in((&Direct, &tree), &socket, "/docker/n1"));
        assert!(!nodes.is_in((&Direct, &tree), &socket, "/user.slice/user-0.slice"));
    }
}
