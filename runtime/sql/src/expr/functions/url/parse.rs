//! URLs as `java.net.URL` takes them apart.

/// The parts of a URL.
#[derive(Debug, Default)]
pub struct Url {
    protocol: String,
    authority: Option<String>,
    user: Option<String>,
    host: String,
    path: String,
    query: Option<String>,
    reference: Option<String>,
}

impl Url {
    /// `None` for what Java refuses, such as a protocol that it does not know.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c <= ' ');
        let text = match text.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("url:") => text.get(4..)?,
            _ => text,
        };
        let (protocol, rest) = text.split_once(':')?;
        let protocol = protocol.to_ascii_lowercase();
        if !["http", "https", "ftp", "file", "jar", "mailto"].contains(&protocol.as_str()) {
            return None;
        }
        let (rest, reference) = rest.split_once('#').map_or((rest, None), |(a, b)| (a, Some(b.to_string())));
        let mut url = Url { protocol, reference, ..Url::default() };
        if url.protocol == "jar" {
            Url::parse(rest.split_once("!/")?.0)?;
            url.path = rest.to_string();
            return Some(url);
        }
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b.to_string())));
        url.query = query;
        url.path = match rest.strip_prefix("//") {
            None => rest.to_string(),
            Some(behind) => {
                let (authority, path) = behind.split_at_checked(behind.find('/').unwrap_or(behind.len()))?;
                url.read_authority(authority)?;
                path.to_string()
            }
        };
        url.path = without_dots(url.path);
        Some(url)
    }

    fn read_authority(&mut self, authority: &str) -> Option<()> {
        self.authority = Some(authority.to_string());
        let host = match authority.split_once('@') {
            None => authority,
            // Java gives up on two of them, but not on the URL.
            Some((_, host)) if host.contains('@') => "",
            Some((user, host)) => {
                self.user = Some(user.to_string());
                host
            }
        };
        let (host, port) = match host.strip_prefix('[') {
            None => host.split_once(':').unwrap_or((host, "")),
            Some(inner) => {
                let end = inner.find(']')? + 2;
                let (host, rest) = host.split_at_checked(end)?;
                (host, if rest.is_empty() { "" } else { rest.strip_prefix(':')? })
            }
        };
        if !port.is_empty() {
            port.parse::<i32>().ok().filter(|p| *p >= -1)?;
        }
        self.host = host.to_string();
        Some(())
    }

    /// A part by PARSE_URL's name for it.
    pub fn part(&self, name: &str) -> Option<String> {
        match name {
            "HOST" => Some(self.host.clone()),
            "PATH" => Some(self.path.clone()),
            "QUERY" => self.query.clone(),
            "REF" => self.reference.clone(),
            "PROTOCOL" => Some(self.protocol.clone()),
            "FILE" => Some(self.query.as_ref().map_or_else(|| self.path.clone(), |q| format!("{}?{q}", self.path))),
            "AUTHORITY" => self.authority.clone(),
            "USERINFO" => self.user.clone(),
            _ => None,
        }
    }
}

/// `/./` and `/../` are resolved.
fn without_dots(path: String) -> String {
    if !path.contains("/.") {
        return path;
    }
    let mut parts: Vec<&str> = Vec::new();
    let all: Vec<&str> = path.split('/').collect();
    for (i, part) in all.iter().enumerate() {
        let last = i + 1 == all.len();
        match *part {
            "." if i > 0 => {}
            ".." if parts.len() > 1 && parts.last() != Some(&"..") => {
                parts.pop();
            }
            part => {
                parts.push(part);
                continue;
            }
        }
        if last {
            parts.push("");
        }
    }
    parts.join("/")
}
