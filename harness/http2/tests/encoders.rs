//! HPACK beside other implementations: what they write is read here, and what is written
//! here is read by them.

use std::{fs, path::Path};

use crosswire_http2::{
    block::{BlockReader, Taken},
    frame::{FrameReader, PREFACE, flag, kind},
    hpack::{Field, HeaderDecoder, HeaderEncoder, Indexing},
    write,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Numbers at random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    /// Names and values that come again now and then, of these bytes.
    fn text(&mut self, bytes: &[u8]) -> Vec<u8> {
        let length = [0, 1, 3, 9, 40, 150][self.below(6)] + self.below(2);
        let mut of_few = Self(1 + self.below(4) as u64);
        let source = if self.below(3) == 0 { self } else { &mut of_few };
        (0..length).map(|_| bytes[source.below(bytes.len())]).collect()
    }

    fn indexing(&mut self) -> Indexing {
        [Indexing::Incremental, Indexing::Incremental, Indexing::Without, Indexing::Never]
            [self.below(4)]
    }

    fn encoder(&mut self) -> HeaderEncoder {
        let plain = HeaderEncoder::default();
        if self.below(2) == 0 { plain } else { plain.with_huffman() }
    }
}

type Pair = (Vec<u8>, Vec<u8>);

fn pairs(fields: &[Field]) -> Vec<Pair> {
    fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

#[test]
fn random_blocks_of_any_bytes_beside_httlib() {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for connection in 0..200 {
        let mut ours = (random.encoder(), HeaderDecoder::default());
        let mut theirs = (httlib_hpack::Encoder::default(), httlib_hpack::Decoder::default());
        for block in 0..20 {
            let place = format!("connection {connection}, block {block}");
            let fields: Vec<Pair> =
                (0..random.below(12)).map(|_| (random.text(&every), random.text(&every))).collect();
            let mut written = Vec::new();
            if random.below(8) == 0 {
                let size = u32::try_from(random.below(4097)).unwrap();
                ours.0.resize(size);
                theirs.0.update_max_dynamic_size(size, &mut written).unwrap();
            }
            for (name, value) in &fields {
                let flags = [0, 1, 2, 3][random.below(4)] | [0, 4, 8][random.below(3)] | 0x10;
                theirs.0.encode((name.clone(), value.clone(), flags), &mut written).unwrap();
            }
            assert_eq!(pairs(&ours.1.decode(&written).unwrap().list), fields, "{place}: read");

            let listed = fields.iter().map(|(name, value)| (name, value, random.indexing()));
            let mut written = ours.0.encode(listed);
            let mut read = Vec::new();
            theirs.1.decode(&mut written, &mut read).unwrap();
            let read: Vec<Pair> = read.into_iter().map(|(name, value, _)| (name, value)).collect();
            assert_eq!(read, fields, "{place}: written");
        }
    }
}

/// Fields that h2 lets pass: names in small letters, values that are seen.
fn legal_fields(random: &mut Random) -> Vec<Pair> {
    let fields = (0..random.below(12)).map(|_| {
        let name = [b"x-".to_vec(), random.text(b"abcdefghijklmnopqrstuvwxyz0123456789-")].concat();
        (name, random.text(b"abcXYZ0189 ,;=/+()\"'~").trim_ascii().to_vec())
    });
    let mut fields: Vec<Pair> = fields.collect();
    // What has one name stands together where h2 keeps it, and it is not told here which
    // of several came first.
    fields.sort_by(|one, another| one.0.cmp(&another.0));
    fields.dedup_by(|one, another| one.0 == another.0);
    fields
}

fn header_map(fields: &[Pair]) -> http::HeaderMap {
    let header = |(name, value): &Pair| {
        let name = http::HeaderName::from_bytes(name).unwrap();
        (name, http::HeaderValue::from_bytes(value).unwrap())
    };
    fields.iter().map(header).collect()
}

fn of_map(map: &http::HeaderMap) -> Vec<Pair> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
    };
    let mut fields: Vec<Pair> = map.iter().map(pair).collect();
    fields.sort();
    fields
}

/// A server of frames alone: it answers each request with the fields that it is given.
async fn answer(mut socket: DuplexStream, answers: Vec<Vec<Pair>>) -> Vec<Vec<Pair>> {
    let mut random = Random(answers.len() as u64);
    let (mut frames, mut blocks) = (FrameReader::of_client(), BlockReader::default());
    let (mut decoder, mut encoder) = (HeaderDecoder::default(), random.encoder());
    let mut requests = Vec::new();
    let mut answers = answers.into_iter();
    socket.write_all(&write::settings(&[])).await.unwrap();
    let mut bytes = vec![0; 1 << 16];
    loop {
        let length = socket.read(&mut bytes).await.unwrap();
        if length == 0 {
            return requests;
        }
        frames.push(&bytes[..length]);
        while let Some(frame) = frames.next_frame().unwrap() {
            if frame.kind == kind::SETTINGS && !frame.has(flag::ACK) {
                socket.write_all(&write::settings_ack()).await.unwrap();
            }
            let Taken::Whole(block) = blocks.take(&frame).unwrap() else { continue };
            requests.push(pairs(&decoder.decode(&block.bytes).unwrap().list));
            let fields = answers.next().unwrap();
            let status = (b":status".to_vec(), b"200".to_vec());
            let fields = [status].into_iter().chain(fields);
            let fields = fields.map(|(name, value)| (name, value, random.indexing()));
            let block = encoder.encode(fields.collect::<Vec<_>>());
            let frames = write::block(frame.stream, flag::END_STREAM, &block, 100);
            socket.write_all(&frames).await.unwrap();
        }
    }
}

#[tokio::test]
async fn random_blocks_beside_h2() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for connection in 0..30 {
        let asked: Vec<Vec<Pair>> = (0..20).map(|_| legal_fields(&mut random)).collect();
        let answers: Vec<Vec<Pair>> = (0..20).map(|_| legal_fields(&mut random)).collect();
        let (client, server) = tokio::io::duplex(1 << 20);
        let server = tokio::spawn(answer(server, answers.clone()));
        let (mut sender, driver) = h2::client::handshake(client).await.unwrap();
        let driver = tokio::spawn(driver);
        for (block, (fields, expected)) in asked.iter().zip(&answers).enumerate() {
            let mut request = http::Request::get("http://localhost/path").body(()).unwrap();
            *request.headers_mut() = header_map(fields);
            sender = sender.ready().await.unwrap();
            let (response, _) = sender.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            let place = format!("connection {connection}, block {block}");
            assert_eq!(&of_map(response.headers()), expected, "{place}: written");
        }
        drop(sender);
        driver.await.unwrap().unwrap();
        let requests = server.await.unwrap();
        let without_pseudo = requests.into_iter().map(|mut fields| {
            fields.retain(|(name, _)| !name.starts_with(b":"));
            fields.sort();
            fields
        });
        assert_eq!(without_pseudo.collect::<Vec<_>>(), asked, "connection {connection}: read");
    }
}

/// What grpcio and grpc-go wrote (`recorded/record.py`), as another decoder reads it.
#[test]
fn recorded_connections_are_read_as_by_another_decoder() {
    for (name, count) in
        [("grpcio-client", 9), ("grpcio-server", 17), ("grpc-go-client", 9), ("grpc-go-server", 17)]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name);
        let bytes = fs::read(path.with_extension("bin")).unwrap();
        let expected = fs::read_to_string(path.with_extension("json")).unwrap();
        let expected: Vec<Vec<(String, String)>> = serde_json::from_str(&expected).unwrap();
        assert_eq!(expected.len(), count, "{name}");
        let mut frames = match bytes.starts_with(PREFACE) {
            true => FrameReader::of_client(),
            false => FrameReader::of_server(),
        };
        let (mut blocks, mut decoder) = (BlockReader::default(), HeaderDecoder::default());
        // As large as a side may have been allowed to make it, which is not asked here.
        decoder.allow_table_size(u32::MAX);
        frames.push(&bytes);
        let mut read = Vec::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            if let Taken::Whole(block) = blocks.take(&frame).unwrap() {
                let fields = decoder.decode(&block.bytes).unwrap();
                let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
                let pair = |field: &Field| (text(&field.name), text(&field.value));
                read.push(fields.list.iter().map(pair).collect::<Vec<(String, String)>>());
            }
        }
        assert_eq!(read, expected, "{name}");
        assert_eq!(frames.left_over(), 0, "{name}");
    }
}
