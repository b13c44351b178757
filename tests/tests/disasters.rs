//! What happens around a server: the disk fills up, the clock jumps. What was acknowledged stays, and it goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]
#![forbid(unsafe_code)]

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;
use wrun_host::api::{JobState, Role, TenantLimits, TokenRequest};
use wrun_tests::{
    server::{Place, Server, block_on, ended, main, output, pushed, refused, task, tenant},
    unguarded,
};

/// A command that runs the server with a small disk of its own in place of its state directory; nothing where a process
/// may not make one.
fn on_small_disk(mebibytes: u64) -> Option<Vec<String>> {
    let mount = format!("mount -t tmpfs -o size={mebibytes}m,mode=700 none data && exec \"$@\"");
    let wrap = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
    ];
    let mut wrap: Vec<String> = wrap.map(ToOwned::to_owned).into();
    let probe = Command::new(&wrap[0])
        .args(&wrap[1..])
        .args(["mount -t tmpfs none /tmp"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return None;
    }
    wrap.extend([mount, "sh".to_owned()]);
    Some(wrap)
}

/// A file on the server's disk, as others see it.
fn inside(server: &Server, place: &Place, name: &str) -> PathBuf {
    let data = place.path("data");
    let data = data.strip_prefix("/").unwrap();
    PathBuf::from(format!("/proc/{}/root", server.child.id()))
        .join(data)
        .join(name)
}

/// Writes until there is no room.
fn fill(path: &PathBuf) {
    let mut file = fs::File::create(path).unwrap();
    let piece = vec![1; 64 << 10];
    while file.write_all(&piece).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
}

#[test]
fn a_full_disk_refuses_new_work_and_loses_nothing() {
    let Some(wrap) = on_small_disk(112) else {
        println!("skipped: a process here may not mount a disk of its own");
        return;
    };
    let mut place = Place::new();
    place.wrap = wrap;
    fs::create_dir(place.path("data")).unwrap();
    let server = place.start();
    let filler = inside(&server, &place, "filler");
    block_on(async {
        let admin = server.client(&place.token);
        let ours = server.client(&tenant(&admin, "ours", TenantLimits::default()).await);
        let module = pushed(&ours).await;
        let done = ours
            .submit(&task(&module, "double", vec![json!(21)]), None)
            .await
            .unwrap();
        assert_eq!(ours.result(&done.id, 30).await.unwrap(), json!(42));
        let running = ours
            .submit(&main(&module, &["nap", "2000"]), None)
            .await
            .unwrap();

        fill(&filler);
        // There is always a little left for what is small; not for ever.
        let end = Instant::now() + Duration::from_secs(30);
        let error = loop {
            let noise = format!("{:?}", Instant::now());
            let mut request = main(&module, &[&noise.repeat(1_000)]);
            request.no_restart = true;
            match ours.submit(&request, None).await {
                Ok(_) => assert!(Instant::now() < end, "the disk is never full"),
                Err(error) => break refused(error),
            }
        };
        assert_eq!(error.0, 507, "{error:?}");
        assert!(
            error.1.contains("disk is full") && error.1.contains("data"),
            "{}",
            error.1
        );
        // Reading goes on.
        assert_eq!(ours.result(&done.id, 0).await.unwrap(), json!(42));
        assert_eq!(ours.job(&done.id).await.unwrap().state, JobState::Finished);

        // There is room again: what ran meanwhile ends, and new work is taken.
        tokio::time::sleep(Duration::from_secs(2)).await;
        fs::remove_file(&filler).unwrap();
        let job = ended(&ours, &running.id).await;
        assert_eq!(
            (job.state, job.exit_code),
            (JobState::Finished, Some(0)),
            "{job:?}"
        );
        assert!(output(&ours, &running.id).await.contains("done"));
        let again = ours
            .submit(&task(&module, "double", vec![json!(4)]), None)
            .await
            .unwrap();
        assert_eq!(ours.result(&again.id, 30).await.unwrap(), json!(8));
    });
    assert_eq!(server.stop(), 143);
}

/// Sets the wall clock of a server that looks at this file.
fn jump(place: &Place, days: i64) {
    let path = place.path("clock/offset");
    let new = place.path("clock/new");
    fs::write(&new, (days * 86_400_000).to_string()).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn jumps_of_the_clock_lose_nothing() {
    let mut place = Place::new();
    fs::create_dir(place.path("clock")).unwrap();
    place.config = format!(
        "roots = [\"{clock}\"]\n[tenant.clocked]\ndirs = [\"{clock}::/clock\"]\nretention = \"1h\"\n",
        clock = place.path("clock").display()
    );
    place.program = unguarded().to_owned();
    let offset = place.path("clock/offset").display().to_string();
    place.env.push(("WRUN_CLOCK_OFFSET".to_owned(), offset));
    jump(&place, 0);
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let token = |valid_seconds| TokenRequest {
            role: Role::Submit,
            label: String::new(),
            valid_seconds,
            rotate: false,
        };
        let ours = admin.issue("clocked", &token(None)).await.unwrap().token;
        let brief = admin
            .issue("clocked", &token(Some(3_600)))
            .await
            .unwrap()
            .token;
        let (ours, brief) = (server.client(&ours), server.client(&brief));
        let module = pushed(&ours).await;
        let request = task(&module, "double", vec![json!(3)]);
        let first = ours.submit(&request, Some("once")).await.unwrap();
        ended(&ours, &first.id).await;
        let running = ours
            .submit(&main(&module, &["nap", "1500"]), None)
            .await
            .unwrap();

        // Back by thirty days: nothing is old, and what was valid is.
        jump(&place, -30);
        let again = ours.submit(&request, Some("once")).await.unwrap();
        assert_eq!(again.id, first.id, "one key, one job");
        assert_eq!(ours.result(&first.id, 0).await.unwrap(), json!(6));
        assert!(brief.info().await.is_ok());
        let early = ours
            .submit(&task(&module, "double", vec![json!(5)]), None)
            .await
            .unwrap();
        assert_eq!(ours.result(&early.id, 30).await.unwrap(), json!(10));

        // Forward by thirty: the job that runs goes on, by a clock that does not jump; what ends by the wall clock has ended.
        jump(&place, 30);
        assert_eq!(
            ours.job(&running.id).await.unwrap().state,
            JobState::Running
        );
        assert_eq!(refused(brief.info().await.unwrap_err()).0, 401);
        let job = ended(&ours, &running.id).await;
        assert_eq!(
            (job.state, job.exit_code),
            (JobState::Finished, Some(0)),
            "{job:?}"
        );

        // And back: a token is valid again.
        jump(&place, 0);
        assert!(brief.info().await.is_ok());
        let last = ours
            .submit(&task(&module, "double", vec![json!(7)]), None)
            .await
            .unwrap();
        assert_eq!(ours.result(&last.id, 30).await.unwrap(), json!(14));
        let jobs = ours.jobs(&[], None, 100).await.unwrap().jobs;
        for id in [&running.id, &early.id, &last.id] {
            assert!(jobs.iter().any(|job| job.id == *id), "{id} is there");
        }
    });
    assert_eq!(server.stop(), 143);
}
