// Metadata as names and values, those of -bin names as bytes; and back.

import { decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";

// Values of one name come joined by commas, those of a -bin name encoded; what is no base64
// is refused by the library.
export function entriesOf(headers, prefix) {
  return [...headers]
    .filter(([name]) => name.startsWith(prefix))
    .flatMap(([name, value]) =>
      name.endsWith("-bin")
        ? value
            .split(",")
            .map((each) => [name, decodeBinaryHeader(each.trim())])
        : [[name, value]],
    );
}

export function append(headers, entries) {
  for (const [name, value] of entries) {
    const isBinary = name.endsWith("-bin");
    headers.append(name, isBinary ? encodeBinaryHeader(value) : value);
  }
}
