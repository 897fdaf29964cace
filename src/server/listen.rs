//! Opens the listening sockets, and maps addresses between the two IP families.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;
use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket};

use super::limits::Limits;

/// Connections that may wait to be accepted; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Listens from now on. Call it within a Tokio runtime. `[::]` is every address of both families, or every IPv4 address
/// on a machine without IPv6.
///
/// # Errors
/// What to change, for the person who gave the flag.
pub(super) fn open(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let opened = match listen(address) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && is_without_ipv6(&error) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        opened => opened,
    };
    opened.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another process has this port: stop it, or give another port (0 picks a free one)"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: give a higher one",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => return anyhow!("cannot listen on {flag} {address}: {error}"),
        };
        anyhow!("cannot listen on {flag} {address}: {advice}")
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // A node may have set the default to IPv6 alone (`net.ipv6.bindv6only`).
        set_ipv6_v6only(&socket, false)?;
    }
    // Otherwise a restarted server could not use its port for minutes.
    socket.set_reuseaddr(true)?;
    // The connections that are accepted inherit these.
    socket.set_recv_buffer_size(Limits::RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(Limits::SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the kernel was built or started without IPv6 (`ipv6.disable=1`).
fn is_without_ipv6(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .map(Errno::raw_os_error)
        .map(Some)
        .contains(&error.raw_os_error())
}

/// Where a listener can be reached from this machine: on loopback, if it listens on all addresses.
#[must_use]
pub(super) fn reachable(listener: SocketAddr) -> Vec<SocketAddr> {
    let loopback: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    let ips = match listener.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => loopback.to_vec(),
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        ip => vec![ip],
    };
    ips.into_iter().map(|ip| SocketAddr::new(ip, listener.port())).collect()
}

/// The address of a client as its own machine writes it. A listener for both families sees the IPv4 client `192.0.2.1`
/// as `::ffff:192.0.2.1`.
#[must_use]
pub(super) fn canonical(client: SocketAddr) -> SocketAddr {
    SocketAddr::new(client.ip().to_canonical(), client.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        for (listener, expected) in [
            ("[::]:8443", vec!["[::1]:8443", "127.0.0.1:8443"]),
            ("0.0.0.0:8443", vec!["127.0.0.1:8443"]),
            ("[2001:db8::1]:8443", vec!["[2001:db8::1]:8443"]),
            ("192.0.2.1:8443", vec!["192.0.2.1:8443"]),
        ] {
            let reachable = reachable(listener.parse().expect("an address"));
            assert_eq!(reachable.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_client_has_the_address_that_its_own_machine_writes() {
        for (client, expected) in [
            ("[::ffff:192.0.2.1]:50000", "192.0.2.1:50000"),
            ("[2001:db8::1]:50000", "[2001:db8::1]:50000"),
            ("192.0.2.1:50000", "192.0.2.1:50000"),
        ] {
            assert_eq!(canonical(client.parse().expect("an address")).to_string(), expected);
        }
    }
}
