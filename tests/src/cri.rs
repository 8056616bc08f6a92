//! Pods of the tests' containerd, made as a kubelet makes them: over the Container Runtime
//! Interface (`runtime.v1`), of which only what is needed is written down here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use containerd_client::tonic::client::Grpc;
use containerd_client::tonic::codegen::http::uri::PathAndQuery;
use containerd_client::tonic::{Request, transport::Channel};
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tonic_prost::ProstCodec;

use crate::image;

/// Pods and containers share the host's network: there is no other here.
const NODE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct PodMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct NamespaceOptions {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Message)]
struct PodSecurity {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<NamespaceOptions>,
    #[prost(bool, tag = "6")]
    privileged: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PodLinux {
    #[prost(message, optional, tag = "2")]
    security: Option<PodSecurity>,
}

#[derive(Clone, PartialEq, Message)]
struct PodConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<PodMetadata>,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<PodLinux>,
}

#[derive(Clone, PartialEq, Message)]
struct RunPod {
    #[prost(message, optional, tag = "1")]
    config: Option<PodConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct Name {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerMount {
    #[prost(string, tag = "1")]
    container_path: String,
    #[prost(string, tag = "2")]
    host_path: String,
    #[prost(bool, tag = "3")]
    readonly: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerSecurity {
    #[prost(bool, tag = "2")]
    privileged: bool,
    #[prost(message, optional, tag = "3")]
    namespaces: Option<NamespaceOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerLinux {
    #[prost(message, optional, tag = "2")]
    security: Option<ContainerSecurity>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Name>,
    #[prost(message, optional, tag = "2")]
    image: Option<Name>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    mounts: Vec<ContainerMount>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<ContainerLinux>,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    pod: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    of_pod: Option<PodConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct Exec {
    #[prost(string, tag = "1")]
    container: String,
    #[prost(string, repeated, tag = "2")]
    command: Vec<String>,
    /// Seconds.
    #[prost(int64, tag = "3")]
    timeout: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

/// What a pod is to be.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels, beside those that a kubelet adds.
    pub labels: &'a [(&'a str, &'a str)],
    /// Its annotations.
    pub annotations: &'a [(&'a str, &'a str)],
    /// A directory of the host that its container has at `/host`, read-only.
    pub host: &'a Path,
    /// Whether its container is privileged.
    pub privileged: bool,
    /// What its container runs.
    pub command: &'a [&'a str],
}

/// The namespace of every pod.
pub const NAMESPACE: &str = "shop";

/// The name of every pod's container.
pub const CONTAINER: &str = "app";

/// The uid of every pod starts so; its name follows.
pub const UID: &str = "uid-of-";

/// A running pod, removed when it is dropped.
#[derive(Debug)]
pub struct RunningPod {
    socket: PathBuf,
    /// Id of its sandbox.
    pub sandbox: String,
    /// Id of its container.
    pub container: String,
}

impl RunningPod {
    /// Starts a pod with one container.
    pub fn start(socket: &Path, pod: &Pod<'_>) -> Self {
        let client = Client::new(socket);
        let config = pod.config();
        let sandbox: Name = client.call("RunPodSandbox", RunPod { config: Some(config.clone()) });
        let sandbox = sandbox.name;
        let mut running =
            Self { socket: socket.to_owned(), sandbox: sandbox.clone(), container: String::new() };
        let config =
            CreateContainer { pod: sandbox, config: Some(pod.container()), of_pod: Some(config) };
        let container: Name = client.call("CreateContainer", config);
        running.container.clone_from(&container.name);
        let Nothing {} = client.call("StartContainer", container);
        running
    }

    /// Runs a command in its container, as a kubelet does for a probe.
    pub fn exec(&self, command: &[&str]) {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let exec = Exec { container: self.container.clone(), command, timeout: 60 };
        let Nothing {} = Client::new(&self.socket).call("ExecSync", exec);
    }
}

impl Drop for RunningPod {
    fn drop(&mut self) {
        let client = Client::new(&self.socket);
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let Nothing {} = client.call(method, Name { name: self.sandbox.clone() });
        }
    }
}

impl Pod<'_> {
    fn config(&self) -> PodConfig {
        let uid = format!("{UID}{}", self.name);
        let own = [
            ("io.kubernetes.pod.name", self.name),
            ("io.kubernetes.pod.namespace", NAMESPACE),
            ("io.kubernetes.pod.uid", uid.as_str()),
        ];
        let labels = self.labels.iter().chain(&own);
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let security = PodSecurity { namespaces: on_host(), privileged: self.privileged };
        PodConfig {
            metadata: Some(PodMetadata {
                name: self.name.to_owned(),
                uid: uid.clone(),
                namespace: NAMESPACE.to_owned(),
            }),
            labels: labels.map(owned).collect(),
            annotations: self.annotations.iter().map(owned).collect(),
            linux: Some(PodLinux { security: Some(security) }),
        }
    }

    fn container(&self) -> ContainerConfig {
        let name = |text: &str| Some(Name { name: text.to_owned() });
        let security = ContainerSecurity { privileged: self.privileged, namespaces: on_host() };
        let mount = ContainerMount {
            container_path: "/host".to_owned(),
            host_path: self.host.to_str().expect("a plain path").to_owned(),
            readonly: true,
        };
        let label = ("io.kubernetes.container.name".to_owned(), CONTAINER.to_owned());
        ContainerConfig {
            metadata: name(CONTAINER),
            image: name(image::NAME),
            command: self.command.iter().map(|word| (*word).to_owned()).collect(),
            mounts: vec![mount],
            labels: [label].into(),
            linux: Some(ContainerLinux { security: Some(security) }),
        }
    }
}

fn on_host() -> Option<NamespaceOptions> {
    Some(NamespaceOptions { network: NODE })
}

/// A connection to the runtime.
struct Client {
    runtime: Runtime,
    channel: Channel,
}

impl Client {
    fn new(socket: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("make a runtime");
        let channel = runtime.block_on(containerd_client::connect(socket));
        Self { runtime, channel: channel.expect("connect to containerd") }
    }

    fn call<Q: Message + 'static, A: Message + Default + 'static>(
        &self,
        method: &str,
        question: Q,
    ) -> A {
        let path = format!("/runtime.v1.RuntimeService/{method}");
        let path = PathAndQuery::try_from(path).expect("a path");
        let answer = self.runtime.block_on(async {
            let mut grpc = Grpc::new(self.channel.clone());
            grpc.ready().await.expect("containerd takes requests");
            grpc.unary(Request::new(question), path, ProstCodec::default()).await
        });
        answer.unwrap_or_else(|status| panic!("{method}: {status}")).into_inner()
    }
}
