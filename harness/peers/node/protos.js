// The services and messages of ../../../proto, as @grpc/proto-loader reads them at run time.

import { fileURLToPath } from "node:url";

import protoLoader from "@grpc/proto-loader";

const folder = fileURLToPath(new URL("../../../proto", import.meta.url));

export const packageDefinition = protoLoader.loadSync(
  ["outliers.proto", "fibonacci.proto", "testing.proto"],
  {
    includeDirs: [folder],
    keepCase: true,
    // An int64 need not fit in a number.
    longs: String,
    enums: String,
    // A field that is not there must not be: protobufjs writes each that an object has.
    defaults: false,
    arrays: true,
    oneofs: true,
  },
);
