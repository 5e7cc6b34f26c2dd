// Metadata as names and values in order, those of -bin names as Buffers; and back.

import grpc from "@grpc/grpc-js";

export function entriesOf(metadata) {
  return Object.entries(metadata.toJSON()).flatMap(([name, values]) =>
    values.map((value) => [name, value]),
  );
}

export function metadataOf(entries) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of entries) {
    metadata.add(name, value);
  }
  return metadata;
}
