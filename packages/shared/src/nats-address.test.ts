import { expect, test } from "vitest";
import { tlsOptions } from "./nats-address.js";

test("an address that says tls:// demands TLS, and a certificate for its host where the client names none", () => {
  expect(tlsOptions(["tls://nats.example.org:4222"])).toEqual({ tls: { host: "nats.example.org" } });
  expect(tlsOptions(["TLS://127.0.0.1"])).toEqual({ tls: { host: "127.0.0.1" } });
  expect(tlsOptions(["tls://127.1:4222"])).toEqual({ tls: { host: "127.0.0.1" } });
  expect(tlsOptions(["tls://[::1]:4222"])).toEqual({ tls: { host: "::1" } });
  expect(tlsOptions(["nats://10.0.0.1:4222", "tls://10.0.0.2:4222"])).toEqual({ tls: { host: "10.0.0.2" } });
});

test("addresses that do not say so demand nothing", () => {
  expect(tlsOptions(["nats://127.0.0.1:4222", "tls.example.org:4222"])).toEqual({});
});
