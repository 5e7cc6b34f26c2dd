// What a call asks of its channel (`channel`), as grpc-js takes it.

import { isIPv4, isIPv6 } from "node:net";

import { UnsupportedError } from "./steps.js";

const FIELDS = [
  "addresses",
  "service_config",
  "keepalive_time_ms",
  "keepalive_timeout_ms",
];

/** What grpc-js connects to, and the options with which it does; `tls` is undefined for plaintext. */
export function channelOf(target, tls, fields) {
  const asked = fields ?? {};
  const unknown = Object.keys(asked).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw new UnsupportedError(
      `channel: ${unknown} is no field of this client`,
    );
  }
  const addresses = asked.addresses?.length ? asked.addresses : undefined;
  return {
    target: addresses ? resolved(addresses) : target,
    options: {
      ...namesOf(target, tls, addresses),
      ...serviceConfig(asked),
      ...keepalive(asked),
    },
  };
}

/** The same text for what is equal, whatever the order of its fields. */
export function canonical(value) {
  const sort = (_name, part) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort())
      : part;
  return JSON.stringify(value ?? null, sort);
}

// A target has addresses of one kind: beside IPv6, IPv4 is written as IPv6 maps it.
function resolved(addresses) {
  const hosts = addresses.map(hostOf);
  if (hosts.every(isIPv4)) {
    return `ipv4:${addresses.join()}`;
  }
  const mapped = addresses.map((address, position) =>
    isIPv4(hosts[position])
      ? address.replace(/.*(?=:)/, "[::ffff:$&]")
      : address,
  );
  return `ipv6:${mapped.join()}`;
}

function hostOf(address) {
  const [, ipv6, ipv4] = /^(?:\[([^\]]*)\]|([^:]*)):\d+$/.exec(address) ?? [];
  if (isIPv6(ipv6 ?? "") || isIPv4(ipv4 ?? "")) {
    return ipv6 ?? ipv4;
  }
  throw new UnsupportedError(
    `channel: addresses: ${JSON.stringify(address)} is no IP address and port`,
  );
}

// Without these grpc-js says the first of the addresses.
function namesOf(target, tls, addresses) {
  const authority = tls?.server_name ?? (addresses && target);
  return (
    authority && {
      "grpc.default_authority": authority,
      "grpc.ssl_target_name_override":
        tls?.server_name ?? target.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""),
    }
  );
}

function serviceConfig({ service_config: config }) {
  return config && { "grpc.service_config": JSON.stringify(config) };
}

function keepalive(asked) {
  const timeMs = milliseconds(asked, "keepalive_time_ms");
  const timeoutMs = milliseconds(asked, "keepalive_timeout_ms");
  return {
    ...(timeMs && {
      "grpc.keepalive_time_ms": timeMs,
      "grpc.keepalive_permit_without_calls": 1,
    }),
    ...(timeoutMs && { "grpc.keepalive_timeout_ms": timeoutMs }),
  };
}

function milliseconds(asked, field) {
  const value = asked[field] ?? undefined;
  if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
    throw new UnsupportedError(`channel: ${field}: not a whole number from 1`);
  }
  return value;
}
