//! Labels from the path of a container log.
//!
//! Kubernetes names a log `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`, which is a link to
//! `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log`.

use std::path::Path;

/// The bytes of the random parts of names that Kubernetes makes.
const RANDOM: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of the random part that ends the name of a pod.
const POD: usize = 5;

/// A part of the path of a container log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileField {
    /// The namespace of the pod.
    Namespace,
    /// The name of the pod, without what its controller has added.
    Workload,
    /// The name of the container.
    Container,
}

/// The names in the path of a container log.
struct Names<'p> {
    pod: &'p str,
    namespace: &'p str,
    container: &'p str,
}

impl FileField {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Namespace, Self::Workload, Self::Container];

    /// Returns the name by which a label of the configuration reads the part.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "kubernetes_namespace",
            Self::Workload => "kubernetes_workload",
            Self::Container => "kubernetes_container",
        }
    }

    /// Returns the part with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Returns the text of the part in a path; `None` if it is not that of a container log of Kubernetes.
    pub fn text(self, path: &Path) -> Option<&str> {
        let names = Names::of_link(path).or_else(|| Names::of_log(path))?;
        Some(match self {
            Self::Namespace => names.namespace,
            Self::Workload => workload(names.pod),
            Self::Container => names.container,
        })
    }
}

impl<'p> Names<'p> {
    /// Reads `POD_NAMESPACE_CONTAINER-ID.log`, also of a rotated file.
    fn of_link(path: &'p Path) -> Option<Self> {
        /// Least number of digits of an id; they are hexadecimal.
        const ID: usize = 12;
        let (name, _) = path.file_name()?.to_str()?.rsplit_once(".log")?;
        let (name, id) = name.rsplit_once('-')?;
        let is_id = id.len() >= ID && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let [pod, namespace, container] = three(name)?;
        is_id.then_some(Self {
            pod,
            namespace,
            container,
        })
    }

    /// Reads `NAMESPACE_POD_UID/CONTAINER/0.log`, also of a rotated file.
    fn of_log(path: &'p Path) -> Option<Self> {
        let (number, _) = path.file_name()?.to_str()?.split_once(".log")?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let directory = path.parent()?;
        let container = directory.file_name()?.to_str()?;
        let [namespace, pod, _] = three(directory.parent()?.file_name()?.to_str()?)?;
        is_number.then_some(Self {
            pod,
            namespace,
            container,
        })
    }
}

/// Divides a text into three parts, none of which is empty.
fn three(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.split('_');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && three.iter().all(|part| !part.is_empty())).then_some(three)
}

/// Returns the name of a pod without what its controller has added: `-5d4f8c7b9-x2x7z` by a `ReplicaSet`, `-x2x7z` by a
/// `DaemonSet` or a `Job`, `-28391040-x2x7z` by a `CronJob`, `-0` by a `StatefulSet`.
fn workload(pod: &str) -> &str {
    /// Lengths of a hash of a pod's template, and of the time in the name of a job.
    const HASH: std::ops::RangeInclusive<usize> = 7..=10;
    const TIME: std::ops::RangeInclusive<usize> = 8..=10;
    let is_random = |part: &str| part.bytes().all(|byte| RANDOM.contains(&byte));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((name, last)) = pod.rsplit_once('-').filter(|(name, _)| !name.is_empty()) else {
        return pod;
    };
    if last.len() != POD || !is_random(last) {
        let is_ordinal = !last.is_empty() && is_number(last);
        return if is_ordinal { name } else { pod };
    }
    match name.rsplit_once('-').filter(|(rest, _)| !rest.is_empty()) {
        Some((rest, part))
            if HASH.contains(&part.len()) && is_random(part)
                || TIME.contains(&part.len()) && is_number(part) =>
        {
            rest
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4c0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab";

    fn texts(path: &str) -> [Option<&str>; 3] {
        FileField::ALL.map(|field| field.text(Path::new(path)))
    }

    #[test]
    fn both_paths_of_a_log_have_the_names() {
        let expected = [Some("shop"), Some("web"), Some("nginx-proxy")];
        let pod = "web-5d4f8c7b9-x2x7z";
        let link = format!("/var/log/containers/{pod}_shop_nginx-proxy-{ID}.log");
        assert_eq!(texts(&link), expected);
        assert_eq!(texts(&format!("{link}.1.gz")), expected);
        let directory = format!("/var/log/pods/shop_{pod}_0f1e2d3c-0000-4000-8000-00000000000a");
        for name in [
            "0.log",
            "17.log",
            "0.log.20261201-121200",
            "0.log.20261201-121200.gz",
        ] {
            assert_eq!(
                texts(&format!("{directory}/nginx-proxy/{name}")),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn other_paths_have_none() {
        for path in [
            "/var/log/nginx/access.log",
            "/var/lib/docker/containers/3f4c0a1b2c3d/3f4c0a1b2c3d-json.log",
            "/var/log/containers/a_b-3f4c0a1b2c3d4e5f.log",
            "/var/log/containers/a_b_c_d-3f4c0a1b2c3d4e5f.log",
            "/var/log/containers/a__c-3f4c0a1b2c3d4e5f.log",
            "/var/log/containers/a_b_c-short.log",
            "/var/log/pods/shop_web/nginx/0.log",
            "/var/log/pods/shop_web_uid/nginx/access.log",
            "0.log",
            "/",
        ] {
            assert_eq!(texts(path), [None; 3], "{path}");
        }
    }

    #[test]
    fn a_workload_is_a_pod_without_what_its_controller_added() {
        for (pod, expected) in [
            ("web-5d4f8c7b9-x2x7z", "web"),
            ("web-api-7c9d4b8f6d-x2x7z", "web-api"),
            ("web-x2x7z", "web"),
            ("backup-28391040-x2x7z", "backup"),
            ("db-0", "db"),
            ("db-main-12", "db-main"),
            ("web-backend-x2x7z", "web-backend"),
            ("web-http-x2x7z", "web-http"),
            ("web", "web"),
            ("web-canary", "web-canary"),
            ("x2x7z", "x2x7z"),
            ("-x2x7z", "-x2x7z"),
            ("5d4f8c7b9-x2x7z", "5d4f8c7b9"),
            ("web-", "web-"),
            ("kube-apiserver-node1", "kube-apiserver-node1"),
        ] {
            assert_eq!(workload(pod), expected, "{pod}");
        }
    }
}
