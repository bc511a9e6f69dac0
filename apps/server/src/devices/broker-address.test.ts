import { expect, test } from "vitest";
import { brokerUrls } from "./broker-address.js";

const listensOnAllAddresses = { publicUrl: undefined, ownUrl: "nats://127.0.0.1:7322", listensOnAllAddresses: true };

test.each([
  ["10.78.0.1:7310", "nats://10.78.0.1:7322"],
  ["fleet.example.org", "nats://fleet.example.org:7322"],
  ["[fd00::1]:7310", "nats://[fd00::1]:7322"],
  ["localhost:7310", "nats://localhost:7322"],
])("a broker that listens on all addresses is where the device reached the server: %s", (host, url) => {
  expect(brokerUrls(listensOnAllAddresses, host)).toEqual([url]);
});

test.each([undefined, "", "a b", "me@evil:1", "host/path", "host:port", "[::1", "-x", "x".repeat(300)])(
  "a Host header that is none (%s) gives this server's own address",
  (host) => {
    expect(brokerUrls(listensOnAllAddresses, host)).toEqual(["nats://127.0.0.1:7322"]);
  },
);

test("a configured address goes before it, and a broker with one address has only that", () => {
  const publicUrl = "tls://nats.example.org:4222";
  expect(brokerUrls({ ...listensOnAllAddresses, publicUrl }, "10.78.0.1:7310")).toEqual([publicUrl]);
  expect(brokerUrls({ ...listensOnAllAddresses, listensOnAllAddresses: false }, "10.78.0.1:7310")).toEqual([
    "nats://127.0.0.1:7322",
  ]);
});
