//! The table of cases.

mod brokers;
mod controls;
mod kills;
mod members;
mod outputs;
mod poison;
mod route;
mod signals;
mod snapshots;
mod tamper;
mod transport;
mod versions;

use crate::case::Case;

/// Every case, in the order of a run.
pub const TABLE: &[Case] = &[
    Case {
        name: "kill_random",
        shows: "SIGKILL at random, two processes of two workers: identical",
        counts: [3, 10, 100],
        run: kills::random,
    },
    Case {
        name: "kill_at_points",
        shows: "SIGKILL at each named point: identical",
        counts: [0, 1, 5],
        run: kills::at_points,
    },
    Case {
        name: "takeover_dynamic",
        shows: "SIGKILL and restart, members by session (6 s): identical, time to the next commit",
        counts: [0, 2, 20],
        run: kills::takeover_dynamic,
    },
    Case {
        name: "takeover_static",
        shows: "the same with static membership",
        counts: [0, 4, 20],
        run: kills::takeover_static,
    },
    Case {
        name: "zombie",
        shows: "SIGSTOP beyond the session, an heir, SIGCONT: the zombie is fenced; identical",
        counts: [0, 2, 20],
        run: members::zombie,
    },
    Case {
        name: "join_leave",
        shows: "members come and go every second: identical, no partition unowned for 10 s",
        counts: [0, 8, 30],
        run: members::join_leave,
    },
    Case {
        name: "rolling_restart",
        shows: "one process after the other is replaced: identical",
        counts: [0, 2, 6],
        run: members::rolling_restart,
    },
    Case {
        name: "broker_term",
        shows: "the broker stops and starts again under load: identical",
        counts: [0, 1, 5],
        run: brokers::stopped,
    },
    Case {
        name: "broker_kill",
        shows: "SIGKILL to the broker under load, and a restart: identical",
        counts: [0, 1, 5],
        run: brokers::killed,
    },
    Case {
        name: "broker_frozen",
        shows: "the broker stands still for 20 s: identical, without a person",
        counts: [0, 1, 3],
        run: brokers::frozen,
    },
    Case {
        name: "output_missing",
        shows: "an output topic is missing, or deleted under way: said, nothing lost",
        counts: [0, 1, 2],
        run: outputs::missing,
    },
    Case {
        name: "record_too_large",
        shows: "the alert topic refuses a size: said, and identical once it is raised",
        counts: [0, 1, 2],
        run: outputs::too_large,
    },
    Case {
        name: "metadata_too_long",
        shows: "the broker refuses the offset metadata: said, nothing written",
        counts: [0, 1, 1],
        run: outputs::metadata_too_long,
    },
    Case {
        name: "snapshot_unwritable",
        shows: "no directory or a full disk for snapshots: a first start refused, else identical",
        counts: [0, 2, 4],
        run: snapshots::unwritable,
    },
    Case {
        name: "restored_often",
        shows: "an engine restored from its image every 1,000, 250, 100 records: identical",
        counts: [0, 2, 3],
        run: snapshots::restored_often,
    },
    Case {
        name: "snapshot_damaged",
        shows: "SIGKILL and damaged snapshots: the older one or the log; identical",
        counts: [0, 2, 6],
        run: snapshots::damaged,
    },
    Case {
        name: "versions",
        shows: "offsets of version 1, then snapshots of a newer one: identical, the latter refused",
        counts: [0, 1, 3],
        run: versions::older_and_newer,
    },
    Case {
        name: "crash_loop",
        shows: "a record that aborts the process: set aside at the third end, nothing else is",
        counts: [0, 1, 5],
        run: poison::crash_loop,
    },
    Case {
        name: "sigterm",
        shows: "SIGTERM under load: exit 0 within 2 s, identical",
        counts: [0, 3, 20],
        run: signals::terminate,
    },
    Case {
        name: "second_signal",
        shows: "a second SIGTERM ends a process that cannot stop: at once",
        counts: [0, 1, 5],
        run: signals::second,
    },
    Case {
        name: "batches_and_workers",
        shows: "batches of 1 to 5,000, workers 1, 2, 4, replay from zero: identical bodies",
        counts: [0, 3, 9],
        run: transport::batches_and_workers,
    },
    Case {
        name: "duplicated_input",
        shows: "every record arrives twice, some again later: the same alerts",
        counts: [0, 1, 1],
        run: transport::duplicated,
    },
    Case {
        name: "clock_jumps",
        shows: "the clock jumps a day forwards and back: identical",
        counts: [0, 2, 6],
        run: transport::clock_jumps,
    },
    Case {
        name: "tamper",
        shows: "edits, deletions, insertions, swaps, truncations: verify names each, with its kind",
        counts: [0, 50, 500],
        run: tamper::positions,
    },
    Case {
        name: "route_kill",
        shows: "SIGKILL to route, at random and at points: each record once, in order, late marked",
        counts: [0, 8, 60],
        run: route::killed,
    },
    Case {
        name: "route_zombie",
        shows: "SIGSTOP to route beyond the session, an heir, SIGCONT: the same",
        counts: [0, 1, 12],
        run: route::zombie,
    },
    Case {
        name: "route_output_missing",
        shows: "the output of route is deleted under way and made again: said, nothing lost",
        counts: [0, 1, 2],
        run: route::missing,
    },
    Case {
        name: "control_at_least_once",
        shows: "outputs committed before offsets, SIGKILL between: the suite must notice",
        counts: [1, 1, 1],
        run: controls::at_least_once,
    },
    Case {
        name: "control_emit_replayed",
        shows: "a replay that writes again: the suite must notice",
        counts: [0, 1, 1],
        run: controls::emit_while_rebuilding,
    },
    Case {
        name: "control_hash_order",
        shows: "outputs in the order of a hash map: the suite must notice",
        counts: [0, 1, 1],
        run: controls::hash_order,
    },
    Case {
        name: "control_no_generation",
        shows: "offsets without the group's generation, SIGSTOP: the suite must notice",
        counts: [0, 1, 1],
        run: controls::no_generation,
    },
    Case {
        name: "control_route_once",
        shows: "route commits records before offsets, SIGKILL between: the suite must notice",
        counts: [0, 1, 1],
        run: controls::route_at_least_once,
    },
    Case {
        name: "control_route_fence",
        shows: "route without the group's generation, SIGSTOP: the suite must notice",
        counts: [0, 1, 1],
        run: controls::route_no_generation,
    },
];
