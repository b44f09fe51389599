//! The trouble: one fault after the other, at random, while the work goes on.

use std::sync::Arc;

use nix::sys::signal::Signal;
use sqlx::Executor;

use super::world::World;
use crate::support::database::Cluster;

#[derive(Clone, Copy)]
enum Fault {
    KillNode,
    StopNode,
    PauseNode,
    StallDatabase,
    CutDatabase,
    TerminateBackends,
    RestartDatabase,
    CrashDatabase,
    CutClients,
    MoveClients,
}

const FAULTS: [Fault; 10] = [
    Fault::KillNode,
    Fault::StopNode,
    Fault::PauseNode,
    Fault::StallDatabase,
    Fault::CutDatabase,
    Fault::TerminateBackends,
    Fault::RestartDatabase,
    Fault::CrashDatabase,
    Fault::CutClients,
    Fault::MoveClients,
];

pub(super) struct Faults {
    world: Arc<World>,
    cluster: Cluster,
}

impl Faults {
    pub(super) const fn new(world: Arc<World>, cluster: Cluster) -> Self {
        Self { world, cluster }
    }

    /// Until the time is over. The cluster keeps running for whoever still has to end.
    pub(super) async fn cause(mut self) {
        while !self.world.is_over() {
            self.world.pause(500..4_000).await;
            // Every kind comes about equally often, in an order of chance.
            let fault = FAULTS[usize::try_from(self.world.random(0..FAULTS.len() as u64)).unwrap()];
            let place = usize::from(self.world.random(0..2) == 0);
            self.cause_one(fault, place).await;
        }
        std::mem::forget(self.cluster);
    }

    async fn cause_one(&mut self, fault: Fault, place: usize) {
        let world = Arc::clone(&self.world);
        let (node, other) = (&world.nodes[place], &world.nodes[1 - place]);
        let name = match fault {
            Fault::KillNode => {
                node.take().await.kill().await;
                self.replace(place).await;
                "fault: a node killed, and started again"
            }
            Fault::StopNode => {
                assert!(node.take().await.terminate().await.success());
                self.replace(place).await;
                "fault: a node stopped, and started again"
            }
            Fault::PauseNode => {
                let service = node.take().await;
                service.signal(Signal::SIGSTOP);
                world.pause(300..5_000).await;
                service.signal(Signal::SIGCONT);
                node.put_back(service).await;
                "fault: a node paused"
            }
            Fault::StallDatabase => {
                node.back.stall();
                world.pause(300..5_000).await;
                node.back.release();
                "fault: a node's way to the database stalled"
            }
            Fault::CutDatabase => {
                node.back.cut();
                "fault: a node's database connections cut"
            }
            Fault::TerminateBackends => {
                let mut connection = self.cluster.database().connect().await;
                connection
                    .execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
                    .await
                    .unwrap();
                "fault: all database connections terminated"
            }
            Fault::RestartDatabase => {
                self.cluster.stop().await;
                world.pause(0..2_000).await;
                self.cluster.start_again().await;
                "fault: the database stopped, and started again"
            }
            Fault::CrashDatabase => {
                self.cluster.crash().await;
                world.pause(0..1_000).await;
                self.cluster.start_again().await;
                "fault: the database crashed, and started again"
            }
            Fault::CutClients => {
                node.front.cut();
                other.front.cut();
                "fault: all clients cut"
            }
            Fault::MoveClients => {
                let (service, other_service) = (node.take().await, other.take().await);
                node.front.point_at(&other_service);
                node.front.cut();
                world.pause(300..2_000).await;
                node.put_back(service).await;
                other.put_back(other_service).await;
                "fault: a node's clients moved to the other"
            }
        };
        world.tally.add(name, 1);
    }

    /// Starts a node again where one has gone; now and then its clients go to the other meanwhile.
    async fn replace(&self, place: usize) {
        if self.world.random(0..2) == 0 {
            let other = &self.world.nodes[1 - place];
            let service = other.take().await;
            self.world.nodes[place].front.point_at(&service);
            other.put_back(service).await;
        }
        self.world.pause(0..1_500).await;
        self.world.start_node(place).await;
        self.world.nodes[place].front.cut();
    }
}
