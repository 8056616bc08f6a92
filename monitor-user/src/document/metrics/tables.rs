//! What is known now, and what was forgotten for lack of room.

use super::Metric;

pub(super) const METRICS: &[Metric] = &[
    Metric::gauge("runmon_table_rollups", "Alerts whose repeats are counted.", |now, out| {
        out.named(&now.heartbeat.tables, "rollups")
    })
    .at(&[("tables.rollups", "")]),
    Metric::counter(
        "runmon_table_rollups_evicted",
        "Alerts whose repeats were summed up before their time, for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "rollups_evicted"),
    )
    .at(&[("tables.rollups_evicted", "")]),
    Metric::gauge("runmon_table_processes", "Processes that are known.", |now, out| {
        out.named(&now.heartbeat.tables, "processes")
    })
    .at(&[("tables.processes", "")]),
    Metric::gauge(
        "runmon_table_process_bytes",
        "Bytes that the processes that are known take, approximately.",
        |now, out| out.named(&now.heartbeat.tables, "process_bytes"),
    )
    .in_unit("bytes")
    .at(&[("tables.process_bytes", "")]),
    Metric::counter(
        "runmon_table_process_misses",
        "Acts of processes that were not known.",
        |now, out| out.named(&now.heartbeat.tables, "process_misses"),
    )
    .at(&[("tables.process_misses", "")]),
    Metric::counter(
        "runmon_table_processes_evicted",
        "Processes that were forgotten for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "processes_evicted"),
    )
    .at(&[("tables.processes_evicted", "")]),
    Metric::gauge("runmon_table_containers", "Containers that are known.", |now, out| {
        out.named(&now.heartbeat.tables, "containers")
    })
    .at(&[("tables.containers", "")]),
    Metric::gauge(
        "runmon_table_containers_blind",
        "Running containers with a kernel of their own, as Kata Containers and gVisor give them: \
         nothing of what they do is seen.",
        |now, out| out.named(&now.heartbeat.tables, "containers_blind"),
    )
    .at(&[("tables.containers_blind", "")]),
    Metric::gauge("runmon_table_cgroups", "Cgroups that are known.", |now, out| {
        out.named(&now.heartbeat.tables, "cgroups")
    })
    .at(&[("tables.cgroups", "")]),
    Metric::counter(
        "runmon_table_cgroups_refused",
        "Cgroups and containers that found no room; what runs there is in an unknown container.",
        |now, out| out.named(&now.heartbeat.tables, "cgroups_refused"),
    )
    .at(&[("tables.cgroups_refused", "")]),
    Metric::counter(
        "runmon_table_cgroups_over_share",
        "Cgroups and containers inside of a container, or of a user, that had more than its share; \
         what runs there is told of the outermost container, or is in an unknown one.",
        |now, out| out.named(&now.heartbeat.tables, "cgroups_over_share"),
    )
    .at(&[("tables.cgroups_over_share", "")]),
    Metric::counter(
        "runmon_table_cgroups_unseen",
        "Cgroups that no record told of, as where it was lost; they are looked for.",
        |now, out| out.named(&now.heartbeat.tables, "cgroups_unseen"),
    )
    .at(&[("tables.cgroups_unseen", "")]),
    Metric::counter(
        "runmon_table_lookups_refused",
        "Questions about containers that found no room.",
        |now, out| out.named(&now.heartbeat.tables, "lookups_refused"),
    )
    .at(&[("tables.lookups_refused", "")]),
    Metric::gauge(
        "runmon_table_named_addresses",
        "Addresses of which a container knows the name, in all containers.",
        |now, out| out.named(&now.heartbeat.tables, "named_addresses"),
    )
    .at(&[("tables.named_addresses", "")]),
    Metric::counter(
        "runmon_table_named_addresses_evicted",
        "Addresses of which a container knew the name and that were forgotten for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "named_addresses_evicted"),
    )
    .at(&[("tables.named_addresses_evicted", "")]),
    Metric::gauge(
        "runmon_table_peer_addresses",
        "Addresses that containers of this node were seen to have.",
        |now, out| out.named(&now.heartbeat.tables, "peer_addresses"),
    )
    .at(&[("tables.peer_addresses", "")]),
    Metric::counter(
        "runmon_table_peer_addresses_evicted",
        "Addresses of containers of this node that were forgotten for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "peer_addresses_evicted"),
    )
    .at(&[("tables.peer_addresses_evicted", "")]),
    Metric::gauge(
        "runmon_table_told_addresses",
        "Addresses whose pod or service the cluster's API told (`kubernetes`).",
        |now, out| out.named(&now.heartbeat.tables, "told_addresses"),
    )
    .at(&[("tables.told_addresses", "")]),
    Metric::counter(
        "runmon_table_told_addresses_refused",
        "Pods and services whose addresses found no room: they are not known.",
        |now, out| out.named(&now.heartbeat.tables, "told_addresses_refused"),
    )
    .at(&[("tables.told_addresses_refused", "")]),
    Metric::gauge(
        "runmon_table_kubernetes_pods",
        "Pods of this node that the cluster's API tells of.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_pods"),
    )
    .at(&[("tables.kubernetes_pods", "")]),
    Metric::gauge(
        "runmon_table_kubernetes_services",
        "Services of the cluster that its API tells of.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_services"),
    )
    .at(&[("tables.kubernetes_services", "")]),
    Metric::counter(
        "runmon_table_kubernetes_lists",
        "Lists that the cluster's API gave: one at first, and where changes were missed.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_lists"),
    )
    .at(&[("tables.kubernetes_lists", "")]),
    Metric::counter(
        "runmon_table_kubernetes_changes",
        "Changes that the cluster's API told of.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_changes"),
    )
    .at(&[("tables.kubernetes_changes", "")]),
    Metric::counter(
        "runmon_table_kubernetes_failures",
        "Requests to the cluster's API that failed, or whose answer made no sense. They are made \
         again.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_failures"),
    )
    .at(&[("tables.kubernetes_failures", "")]),
    Metric::counter(
        "runmon_table_kubernetes_refused",
        "Times that the cluster's API told of a pod or service that found no room, or is none of \
         this node's.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_refused"),
    )
    .at(&[("tables.kubernetes_refused", "")]),
    Metric::counter(
        "runmon_table_kubernetes_containers_evicted",
        "Containers that are not told of anew when their pod changes, for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "kubernetes_containers_evicted"),
    )
    .at(&[("tables.kubernetes_containers_evicted", "")]),
    Metric::counter(
        "runmon_table_dns_questions_evicted",
        "Questions to name servers that were forgotten for lack of room: no names are learned \
         from their answers.",
        |now, out| out.named(&now.heartbeat.tables, "dns_questions_evicted"),
    )
    .at(&[("tables.dns_questions_evicted", "")]),
    Metric::counter(
        "runmon_table_dns_answers_unasked",
        "Answers of name servers to no question that was seen: no names are learned from them.",
        |now, out| out.named(&now.heartbeat.tables, "dns_answers_unasked"),
    )
    .at(&[("tables.dns_answers_unasked", "")]),
    Metric::gauge(
        "runmon_table_hashes",
        "Executed files whose SHA-256 is known or asked for.",
        |now, out| out.named(&now.heartbeat.tables, "hashes"),
    )
    .at(&[("tables.hashes", "")]),
    Metric::counter(
        "runmon_table_hashes_hit",
        "Hashes that were wanted, and known or asked for already.",
        |now, out| out.named(&now.heartbeat.tables, "hashes_hit"),
    )
    .at(&[("tables.hashes_hit", "")]),
    Metric::counter(
        "runmon_table_hashes_missed",
        "Hashes that were wanted and had to be asked for.",
        |now, out| out.named(&now.heartbeat.tables, "hashes_missed"),
    )
    .at(&[("tables.hashes_missed", "")]),
    Metric::counter(
        "runmon_table_hashes_evicted",
        "Executed files whose SHA-256 was known and that were forgotten for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "hashes_evicted"),
    )
    .at(&[("tables.hashes_evicted", "")]),
    Metric::counter(
        "runmon_table_hashes_refused",
        "Files that were not read for their hash, because too many waited: it is `too_many`.",
        |now, out| out.named(&now.heartbeat.tables, "hashes_refused"),
    )
    .at(&[("tables.hashes_refused", "")]),
    Metric::gauge(
        "runmon_table_packaged_files",
        "Executed files whose package is known or asked for, where a rule asks for it.",
        |now, out| out.named(&now.heartbeat.tables, "packaged_files"),
    )
    .at(&[("tables.packaged_files", "")]),
    Metric::counter(
        "runmon_table_packages_asked",
        "Executed files whose package had to be looked up.",
        |now, out| out.named(&now.heartbeat.tables, "packages_asked"),
    )
    .at(&[("tables.packages_asked", "")]),
    Metric::counter(
        "runmon_table_packages_evicted",
        "Executed files whose package was known and that were forgotten for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "packages_evicted"),
    )
    .at(&[("tables.packages_evicted", "")]),
    Metric::counter(
        "runmon_table_packages_refused",
        "Files whose package was not looked up, because too many waited: it is `too_many`.",
        |now, out| out.named(&now.heartbeat.tables, "packages_refused"),
    )
    .at(&[("tables.packages_refused", "")]),
    Metric::gauge(
        "runmon_table_windows",
        "Keys for which rules with `aggregate` gather events now.",
        |now, out| out.named(&now.heartbeat.tables, "windows"),
    )
    .at(&[("tables.windows", "")]),
    Metric::counter(
        "runmon_table_windows_evicted",
        "Keys for which rules with `aggregate` gathered events and that were forgotten for \
         lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "windows_evicted"),
    )
    .at(&[("tables.windows_evicted", "")]),
    Metric::gauge(
        "runmon_kept_executables",
        "Copies of programs behind alerts that are kept (`kept_executables`).",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables"),
    )
    .at(&[("tables.kept_executables", "")]),
    Metric::gauge("runmon_kept_executables_bytes", "Bytes that these copies take.", |now, out| {
        out.named(&now.heartbeat.tables, "kept_executables_bytes")
    })
    .in_unit("bytes")
    .at(&[("tables.kept_executables_bytes", "")]),
    Metric::counter(
        "runmon_kept_executables_copied",
        "Programs behind alerts that were copied.",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_copied"),
    )
    .at(&[("tables.kept_executables_copied", "")]),
    Metric::counter(
        "runmon_kept_executables_evicted",
        "Copies that made room for newer ones (`kept_executables_bytes`).",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_evicted"),
    )
    .at(&[("tables.kept_executables_evicted", "")]),
    Metric::counter(
        "runmon_kept_executables_too_large",
        "Alerts of which the program was too large to be copied (`kept_executable_bytes_max`).",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_too_large"),
    )
    .at(&[("tables.kept_executables_too_large", "")]),
    Metric::counter(
        "runmon_kept_executables_unread",
        "Programs behind alerts that could not be read to be copied: the alert says why.",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_unread"),
    )
    .at(&[("tables.kept_executables_unread", "")]),
    Metric::counter(
        "runmon_kept_executables_unwritten",
        "Programs behind alerts of which the disk took no copy, or had no room to spare for it.",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_unwritten"),
    )
    .at(&[("tables.kept_executables_unwritten", "")]),
    Metric::counter(
        "runmon_kept_executables_refused",
        "Programs behind alerts that were not copied, because too many waited.",
        |now, out| out.named(&now.heartbeat.tables, "kept_executables_refused"),
    )
    .at(&[("tables.kept_executables_refused", "")]),
    Metric::gauge(
        "runmon_recorder_events",
        "Events of the last seconds that the flight recorder holds.",
        |now, out| out.named(&now.heartbeat.tables, "recorder_events"),
    )
    .at(&[("tables.recorder_events", "")]),
    Metric::gauge(
        "runmon_recorder_bytes",
        "Bytes that these take, approximately (`flight_recorder_bytes`).",
        |now, out| out.named(&now.heartbeat.tables, "recorder_bytes"),
    )
    .in_unit("bytes")
    .at(&[("tables.recorder_bytes", "")]),
    Metric::counter(
        "runmon_recorder_evicted",
        "Events that went out of it for lack of room, before their time was over.",
        |now, out| out.named(&now.heartbeat.tables, "recorder_evicted"),
    )
    .at(&[("tables.recorder_evicted", "")]),
    Metric::counter(
        "runmon_recorder_alerts_refused",
        "Alerts for which it kept nothing, since too many came at once.",
        |now, out| out.named(&now.heartbeat.tables, "recorder_alerts_refused"),
    )
    .at(&[("tables.recorder_alerts_refused", "")]),
    Metric::counter(
        "runmon_recorder_left_out",
        "Events around alerts that it did not keep, since there were too many.",
        |now, out| out.named(&now.heartbeat.tables, "recorder_left_out"),
    )
    .at(&[("tables.recorder_left_out", "")]),
    Metric::counter(
        "runmon_recorder_alerts_cut",
        "Alerts of which it did not keep all that followed, since too many others came.",
        |now, out| out.named(&now.heartbeat.tables, "recorder_alerts_cut"),
    )
    .at(&[("tables.recorder_alerts_cut", "")]),
    Metric::gauge(
        "runmon_learned_images",
        "Images whose behaviour is learned, if `learn_profiles` says so.",
        |now, out| out.named(&now.heartbeat.tables, "learned_images"),
    )
    .at(&[("tables.learned_images", "")]),
    Metric::counter(
        "runmon_learned_images_refused",
        "Events of further images, of which nothing is learned for lack of room.",
        |now, out| out.named(&now.heartbeat.tables, "learned_images_refused"),
    )
    .at(&[("tables.learned_images_refused", "")]),
    Metric::counter(
        "runmon_learned_held_back",
        "Things that were not learned since they came in a burst.",
        |now, out| out.named(&now.heartbeat.tables, "learned_held_back"),
    )
    .at(&[("tables.learned_held_back", "")]),
    Metric::counter(
        "runmon_learned_no_room",
        "Things that were not learned since the profile had no more room.",
        |now, out| out.named(&now.heartbeat.tables, "learned_no_room"),
    )
    .at(&[("tables.learned_no_room", "")]),
    Metric::counter(
        "runmon_learned_written_late",
        "Times that what is learned was not written, since it was still being written.",
        |now, out| out.named(&now.heartbeat.tables, "learned_written_late"),
    )
    .at(&[("tables.learned_written_late", "")]),
    Metric::gauge(
        "runmon_posture_containers",
        "Containers of which it is looked at how they are set up.",
        |now, out| out.named(&now.heartbeat.tables, "posture_containers"),
    )
    .at(&[("tables.posture_containers", "")]),
    Metric::counter("runmon_posture_looks", "Looks at how a container is set up.", |now, out| {
        out.named(&now.heartbeat.tables, "posture_looks")
    })
    .at(&[("tables.posture_looks", "")]),
    Metric::counter(
        "runmon_posture_refused",
        "Looks at containers that found no room, and were put off.",
        |now, out| out.named(&now.heartbeat.tables, "posture_refused"),
    )
    .at(&[("tables.posture_refused", "")]),
    Metric::gauge(
        "runmon_state_findings",
        "Findings about how something is that are open.",
        |now, out| out.named(&now.heartbeat.tables, "state_findings"),
    )
    .at(&[("tables.state_findings", "")]),
    Metric::counter(
        "runmon_state_findings_refused",
        "Findings about how something is that found no room, each at each look.",
        |now, out| out.named(&now.heartbeat.tables, "state_findings_refused"),
    )
    .at(&[("tables.state_findings_refused", "")]),
    Metric::counter(
        "runmon_state_findings_unwritten",
        "Times that those that are open could not be written, to outlive the daemon.",
        |now, out| out.named(&now.heartbeat.tables, "state_findings_unwritten"),
    )
    .at(&[("tables.state_findings_unwritten", "")]),
    Metric::gauge(
        "runmon_usage_containers",
        "Containers of which it is noted which files they use, if `in_use` says so.",
        |now, out| out.named(&now.heartbeat.tables, "usage_containers"),
    )
    .at(&[("tables.usage_containers", "")]),
    Metric::gauge(
        "runmon_usage_images",
        "Images without containers of which it is known which files were used.",
        |now, out| out.named(&now.heartbeat.tables, "usage_images"),
    )
    .at(&[("tables.usage_images", "")]),
    Metric::gauge("runmon_usage_files", "Files that are known to be used.", |now, out| {
        out.named(&now.heartbeat.tables, "usage_files")
    })
    .at(&[("tables.usage_files", "")]),
    Metric::counter(
        "runmon_usage_refused",
        "Uses of files that found no room: then no file of that image counts as unused.",
        |now, out| out.named(&now.heartbeat.tables, "usage_refused"),
    )
    .at(&[("tables.usage_refused", "")]),
    Metric::gauge(
        "runmon_upkeep_roots",
        "Roots of images, containers and the host whose packages are known, if `upkeep` says so.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_roots"),
    )
    .at(&[("tables.upkeep_roots", "")]),
    Metric::gauge("runmon_upkeep_packages", "Packages in them.", |now, out| {
        out.named(&now.heartbeat.tables, "upkeep_packages")
    })
    .at(&[("tables.upkeep_packages", "")]),
    Metric::counter("runmon_upkeep_reads", "Roots that were read for that.", |now, out| {
        out.named(&now.heartbeat.tables, "upkeep_reads")
    })
    .at(&[("tables.upkeep_reads", "")]),
    Metric::counter(
        "runmon_upkeep_refused",
        "Roots that found no room, each at each look: what is in them is not judged.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_refused"),
    )
    .at(&[("tables.upkeep_refused", "")]),
    Metric::gauge(
        "runmon_upkeep_unread",
        "Images whose root could not be read at the last look.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_unread"),
    )
    .at(&[("tables.upkeep_unread", "")]),
    Metric::gauge(
        "runmon_upkeep_vulnerabilities",
        "Known vulnerabilities of packages that run here, each once for each image and package.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_vulnerabilities"),
    )
    .at(&[("tables.upkeep_vulnerabilities", "")]),
    Metric::gauge(
        "runmon_upkeep_findings",
        "Findings about software that is not kept up that are open.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_findings"),
    )
    .at(&[("tables.upkeep_findings", "")]),
    Metric::counter(
        "runmon_upkeep_findings_refused",
        "Findings about software that is not kept up that found no room, each at each look.",
        |now, out| out.named(&now.heartbeat.tables, "upkeep_findings_refused"),
    )
    .at(&[("tables.upkeep_findings_refused", "")]),
    Metric::gauge(
        "runmon_upgrade_packages",
        "Packages of the host that have an update which mends something.",
        |now, out| out.named(&now.heartbeat.tables, "upgrade_packages"),
    )
    .at(&[("tables.upgrade_packages", "")]),
    Metric::gauge(
        "runmon_upgrade_packages_in_use",
        "Those of them that are in use.",
        |now, out| out.named(&now.heartbeat.tables, "upgrade_packages_in_use"),
    )
    .at(&[("tables.upgrade_packages_in_use", "")]),
    Metric::gauge(
        "runmon_upgrade_vulnerabilities",
        "Known vulnerabilities of the host that upgrading it would mend.",
        |now, out| out.named(&now.heartbeat.tables, "upgrade_vulnerabilities"),
    )
    .at(&[("tables.upgrade_vulnerabilities", "")]),
    Metric::gauge(
        "runmon_upgrade_exploited",
        "Those of them that are known to be exploited.",
        |now, out| out.named(&now.heartbeat.tables, "upgrade_exploited"),
    )
    .at(&[("tables.upgrade_exploited", "")]),
];
