//! Makes the client and server of the control RPC: one method, a stream each way, in our own MessagePack codec.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let attach = Method::builder()
        .name("attach")
        .route_name("Attach")
        .input_type("crate::control::message::ToCoordinator")
        .output_type("crate::control::message::ToWorker")
        .codec_path("crate::control::codec::MessagePack")
        .client_streaming()
        .server_streaming()
        .build();
    let control = Service::builder().name("Control").package("streamjob.control.v1").method(attach).build();
    Builder::new().compile(&[control]);
}
