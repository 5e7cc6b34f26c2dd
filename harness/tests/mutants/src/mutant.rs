//! The mutants: peers with one planted defect each, and the equivalents, which are
//! unusual and lawful.

/// Where a mutant deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Which values are outliers.
    Detector,
    /// Which numbers are the sequence's, and how they are streamed.
    Fibonacci,
    /// Protocol Buffers.
    Messages,
    /// What gRPC puts on HTTP/2, and makes of it.
    Grpc,
    /// Frames, windows, streams, header blocks.
    Http2,
    /// Streams of requests, and of both directions.
    Streams,
}

/// In which role it deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// As a server.
    Server,
    /// As a client.
    Client,
    /// As either, and it is tried as both.
    Both,
}

/// A mutant with what is to be known of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which it is.
    pub mutant: Mutant,
    /// Its variant's name; [`Entry::name`] is what people use.
    variant: &'static str,
    /// Where it deviates.
    pub layer: Layer,
    /// In which role.
    pub sides: Sides,
    /// Whether it is lawful all the same, so that nothing may fail.
    pub is_equivalent: bool,
    /// What it does, in words that follow its name.
    pub what: &'static str,
}

impl Entry {
    /// Its name: words joined by hyphens.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = String::new();
        let mut before = 'A';
        for letter in self.variant.chars() {
            let begins =
                letter.is_ascii_uppercase() || letter.is_ascii_digit() && !before.is_ascii_digit();
            if begins && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
            before = letter;
        }
        name
    }
}

/// The mutant of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name() == name)
}

macro_rules! mutants {
    (
        defects { $($defect:ident $layer:ident $sides:ident $what:literal)* }
        equivalents { $($equivalent:ident $elayer:ident $esides:ident $ewhat:literal)* }
    ) => {
        /// Which mutant a peer is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutant {
            $(#[doc = $what] $defect,)*
            $(#[doc = $ewhat] $equivalent,)*
        }

        /// All of them: the defects layer by layer, then the equivalents.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                mutant: Mutant::$defect,
                variant: stringify!($defect),
                layer: Layer::$layer,
                sides: Sides::$sides,
                is_equivalent: false,
                what: $what,
            },)*
            $(Entry {
                mutant: Mutant::$equivalent,
                variant: stringify!($equivalent),
                layer: Layer::$elayer,
                sides: Sides::$esides,
                is_equivalent: true,
                what: $ewhat,
            },)*
        ];
    };
}

mutants! {
    defects {
        DdofOne Detector Server "divides the squares by n - 1"
        TiesFlagged Detector Server "compares with >="
        AboveOnly Detector Server "flags values above the mean alone"
        ThreeSigma Detector Server "flags beyond three standard deviations"
        Float32 Detector Server "rounds the values to float32"
        PlainSum Detector Server "adds from left to right"
        CompensatedSum Detector Server "adds with compensation, more exactly than NumPy"
        OldNumpySum Detector Server "adds in blocks of 8192, as NumPy did up to 2.2"
        OnePass Detector Server "computes the variance as E[x²] - mean²"
        Welford Detector Server "computes mean and variance with Welford's method"
        FusedSquares Detector Server "squares and adds in one operation, rounded once"
        MedianDeviation Detector Server "takes the median absolute deviation"
        NanDropped Detector Server "leaves NaN out of mean and deviation"
        InfinityDropped Detector Server "leaves infinities out of mean and deviation"
        NanIsAnError Detector Server "refuses values that are not finite"
        NothingIsAnError Detector Server "refuses an empty list"
        IndicesFromOne Detector Server "counts from 1"
        IndicesReversed Detector Server "answers the last outlier first"
        IndicesTwice Detector Server "answers each index twice"
        LastValueIgnored Detector Server "ends its loop one value early"
        FirstThousandOnly Detector Server "looks at the first 1,000 values"
        SortsByTime Detector Server "sorts the metrics by time first"
        SkipsNameless Detector Server "leaves out metrics without a name"

        StartsAtOne Fibonacci Server "begins with 1, 1"
        WrapsAround Fibonacci Server "goes on beyond F(92) with what int64 makes of it"
        DoubleArithmetic Fibonacci Server "adds in float64"
        Int32Arithmetic Fibonacci Server "adds in int32"
        LastElementLost Fibonacci Server "ends one element early"
        OneElementMore Fibonacci Server "ends one element late"
        ZeroIsEmpty Fibonacci Server "answers nothing to counts of 0 and less"
        CountAsUnsigned Fibonacci Server "takes a negative count for a huge one"
        PositionFromOne Fibonacci Server "counts positions from 1"
        Buffers Fibonacci Server "makes all elements before it sends the first"
        WrongCode Fibonacci Server "answers INVALID_ARGUMENT for OUT_OF_RANGE"
        NothingBeforeTheError Fibonacci Server "fails before the elements that fit"
        StreamEndsWithOk Fibonacci Server "ends a stream that is too long with OK"
        AllocatesForCount Fibonacci Server "allocates for count before it looks at it"

        DropsSecondField Messages Both "does not know SequenceElement.count"
        SwapsFields Messages Server "writes SequenceElement's numbers the wrong way round"
        WrongFieldNumber Messages Server "writes repeated fields with number 2"
        ElementAsInt32 Messages Both "takes elements for int32"
        ElementAsDouble Messages Client "keeps elements in float64"
        CountAsInt32 Messages Server "takes SequenceRequest.count for int32"
        IntegersAsSint Messages Server "writes integers as sint64"
        ValueAsFloat32 Messages Client "keeps Metric.value in float32"
        RefusesUnknownFields Messages Both "refuses a field that it does not know"
        RequiresFields Messages Server "refuses a request without its field"
        TakesAnyBytesAsText Messages Server "takes a name that is not UTF-8"
        TakesCutMessages Messages Server "takes a message that is cut for what came of it"
        MalformedIsInvalid Messages Server "answers INVALID_ARGUMENT to a malformed message"
        ChecksTimes Messages Server "refuses a time that no calendar has"
        ReadsOnlyPacked Messages Client "does not read repeated numbers one by one"
        ExpectsFieldsInOrder Messages Client "passes over fields that come out of order"
        KeepsFirstField Messages Server "keeps the first of a field that comes twice"
        RefusesLongVarints Messages Server "refuses varints with bytes to spare"
        DropsEmptyMessages Messages Server "does not send a message of no bytes"
        OddFieldsAreInvalid Messages Client "reports INVALID_ARGUMENT for fields that it does not read"

        StatusInHeaders Grpc Server "puts grpc-status in the headers too"
        StatusMissing Grpc Server "sends no grpc-status"
        StatusTwice Grpc Server "sends grpc-status twice"
        StatusWithLeadingZero Grpc Server "writes grpc-status with two digits"
        StatusInWords Grpc Server "writes grpc-status: OK"
        StatusShifted Grpc Both "counts codes from 1"
        MessageNotEscaped Grpc Server "sends grpc-message as it is"
        PercentNotEscaped Grpc Server "escapes all of grpc-message but the percent sign"
        EscapesAsAForm Grpc Server "writes + for a space in grpc-message"
        DetailsLost Grpc Server "sends no status details"
        WrongContentType Grpc Server "answers with content-type text/plain"
        LengthOneTooLong Grpc Both "announces a byte more than follows"
        LengthOneTooShort Grpc Both "announces a byte less than follows"
        LengthOfWholeMessage Grpc Both "counts the prefix in the length"
        LengthLittleEndian Grpc Both "writes the length in little-endian"
        FlagOfTwo Grpc Both "writes 2 for the flag"
        FlagOfPlain Grpc Server "flags plain messages as compressed"
        FlagWithoutEncoding Grpc Server "compresses and does not say how"
        RequestFlagWithoutEncoding Grpc Client "compresses and does not say how"
        ClaimsToCompress Grpc Both "flags as gzip what is not compressed"
        AnswersInDeflate Grpc Server "compresses with what was not offered"
        RefusesGzip Grpc Server "refuses compressed requests"
        InflatesNothing Grpc Both "takes compressed bytes for the message"
        LimitsNoSize Grpc Both "takes messages of any size"
        LimitsOnlyCompressed Grpc Both "limits what came and not what it inflates to"
        LimitExcludesItself Grpc Both "refuses a message of exactly the limit"
        TakesSmallHeaders Grpc Server "refuses headers of more than 4 KiB"
        AnswersTwice Grpc Server "sends a unary answer twice"
        EndsWithData Grpc Server "ends with END_STREAM on DATA"
        EndsWithReset Grpc Server "resets the stream instead of a status"
        TrailersWithoutEnd Grpc Server "sends trailers without END_STREAM"
        TrailersTwice Grpc Server "sends its trailers twice"
        DataAfterTrailers Grpc Server "sends DATA after the trailers"
        DataBeforeHeaders Grpc Server "sends DATA before the headers"
        ErrorsLoseTrailers Grpc Server "sends no metadata with an error"
        UnknownMethodIs404 Grpc Server "answers HTTP status 404 for a method that it lacks"
        UnknownMethodIsNotFound Grpc Server "answers NOT_FOUND for a method that it lacks"
        MethodsInAnyCase Grpc Server "finds methods without regard to case"
        ServicesWithoutPackage Grpc Server "finds services without their package"
        BugEndsProcess Grpc Server "dies of a bug in a handler"
        BugIsInternal Grpc Server "answers INTERNAL for a bug in a handler"
        BugTextLeaks Grpc Server "tells the client what the bug said"
        IgnoresDeadline Grpc Server "works on when the deadline has passed"
        MisreadsTimeout Grpc Server "takes a unit of grpc-timeout for the next finer one"
        IgnoresCancel Grpc Server "sends on after RST_STREAM"
        MixesAnswers Grpc Server "takes one call's answer for another's"
        ReordersMetadata Grpc Server "sends entries back to front"
        SortsDuplicates Grpc Both "sorts the values of one name"
        KeepsLastDuplicate Grpc Both "keeps the last value of a name"
        DropsOddNames Grpc Both "drops names with an underscore or a dot"
        BinaryAsCString Grpc Both "ends binary values at their first zero"
        BinaryAsText Grpc Both "takes binary values for UTF-8"
        BinaryAsItIs Grpc Both "sends binary values without base64"
        OtherBase64 Grpc Both "writes base64 with - and _"
        NoTe Grpc Client "sends no te"
        MethodGet Grpc Client "sends :method GET"
        NoTimeout Grpc Client "keeps its deadline to itself"
        TimeoutInSecondsAsMillis Grpc Client "sends milliseconds and says seconds"
        TimeoutOfNineDigits Grpc Client "sends nanoseconds, with more than 8 digits"
        TimeoutWithFraction Grpc Client "sends seconds with a fraction"
        TimeoutTwice Grpc Client "sends grpc-timeout twice"
        NeverTimesOut Grpc Client "waits beyond its deadline"
        DeadlineForEachMessage Grpc Client "begins its deadline anew with each message"
        LateIsCancelled Grpc Client "reports CANCELLED when its deadline passes"
        LateIsSuccess Grpc Client "reports OK when its deadline passes"
        NoResetWhenLate Grpc Client "resets nothing when its deadline passes"
        NoResetWhenCancelled Grpc Client "resets nothing when it cancels"
        ResetsWithInternalError Grpc Client "cancels with INTERNAL_ERROR"
        ResetsWithNoError Grpc Client "cancels with NO_ERROR"
        ReadsOnWhenCancelled Grpc Client "reports messages that came after it had cancelled"
        RetriesFailures Grpc Client "makes a call again that has failed"
        RetriesLostCalls Grpc Client "makes a call again whose connection was lost"
        ReportsUnknown Grpc Client "reports every failure as UNKNOWN"
        ReportsNoDetails Grpc Client "loses the status details"
        ReportsNoTrailers Grpc Client "loses the trailers"
        MessageNotUnescaped Grpc Client "reports grpc-message as it came"
        MessageAsLatin1 Grpc Client "takes grpc-message for Latin-1"
        MixesCalls Grpc Client "takes one call's messages for another's"
        DropsLastMessage Grpc Client "drops the message that comes with the trailers"
        ReportsMessagesTwice Grpc Client "reports each message twice"
        NoHalfClose Grpc Client "does not end its request"
        SendsRequestTwice Grpc Client "sends its message twice"
        RequestTrailers Grpc Client "ends its request with trailers"
        LostIsUnknown Grpc Client "reports UNKNOWN for a lost connection"
        LostIsSuccess Grpc Client "takes a lost connection for the end"
        ResetsAreUnknown Grpc Client "reports UNKNOWN for every RST_STREAM"
        ResetIsSuccess Grpc Client "takes RST_STREAM(NO_ERROR) for the end"
        CalmIsUnavailable Grpc Client "reports UNAVAILABLE for ENHANCE_YOUR_CALM"
        CancelIsInternal Grpc Client "reports INTERNAL for RST_STREAM(CANCEL)"
        NoStatusIsSuccess Grpc Client "takes a response without a status for OK"
        HttpStatusIsInternal Grpc Client "reports INTERNAL for every HTTP status"
        Http404IsNotFound Grpc Client "reports NOT_FOUND for HTTP status 404"
        InventsCodes Grpc Client "reports ABORTED for what it finds wrong itself"
        WantsAMessage Grpc Client "takes a stream without messages for an error"
        CancelsLate Grpc Client "cancels no call before its first message"
        AnyMethod Grpc Server "takes any HTTP method"
        AnyContentType Grpc Server "takes any content-type"
        AnyPath Grpc Server "takes any path that it does not know for one of a method"
        AnyFlag Grpc Both "takes every flag but 1 for 0"
        IgnoresBadTimeout Grpc Server "takes a timeout that it cannot read for none"
        IgnoresFragment Grpc Both "takes no notice of a message that is not whole"
        NoMessageIsEmpty Grpc Server "takes a request without a message for an empty one"
        RefusesInSilence Grpc Server "does not answer what it refuses"

        IgnoresStreamWindow Http2 Both "sends DATA beyond a stream's window"
        IgnoresConnectionWindow Http2 Both "sends DATA beyond the connection's window"
        NeverWidensWindows Http2 Both "sends no WINDOW_UPDATE"
        LeaksWindowOfCancelled Http2 Client "gives back no window of streams that it has left"
        AnswersNoPing Http2 Both "does not answer PING"
        AnswersPingWithZeros Http2 Both "answers PING with other bytes"
        AcknowledgesNoSettings Http2 Both "does not acknowledge SETTINGS"
        AcknowledgesTwice Http2 Both "acknowledges SETTINGS that never came"
        BeginsWithoutSettings Http2 Both "begins with another frame than SETTINGS"
        NeedsNoSettings Http2 Both "takes what comes before the partner's SETTINGS"
        LongFrames Http2 Both "sends frames of more than 16 KiB"
        InterruptsBlocks Http2 Both "puts a frame between HEADERS and CONTINUATION"
        RefersToMissingEntry Http2 Both "refers to an entry that the table does not have"
        PseudoHeadersLast Http2 Both "puts pseudo-headers last"
        UppercaseNames Http2 Both "writes names in upper case"
        ConnectionField Http2 Both "sends a connection header"
        BlamesItself Http2 Client "resets broken streams with INTERNAL_ERROR"
        IgnoresTableSize Http2 Both "keeps its table of header fields whatever size is allowed"
        HangsUpAtReset Http2 Server "ends the connection when a stream is reset"
        HangsUpWhenCancelled Http2 Client "ends the connection when it cancels a call"
        EvenStreams Http2 Client "opens even streams"
        IgnoresMaxStreams Http2 Client "opens more streams than are taken"
        StreamAfterGoaway Http2 Client "opens streams after GOAWAY"
        GoawayEndsCalls Http2 Client "gives up all calls at a GOAWAY"
        NeverConnectsAgain Http2 Client "keeps to a connection that is lost"
        AnyPreface Http2 Server "takes any bytes for the preface"
        GoesOnAfterErrors Http2 Both "goes on after what ends a connection"
        TakesMalformed Http2 Both "takes malformed messages for what they say"

        LosesFirstMessage Streams Both "does not send the first message of a stream"
        LosesSecondMessage Streams Both "does not send the second message of a stream"
        LosesLastMessage Streams Both "does not send the last message of a stream"
        LosesHundredthMessage Streams Both "does not send the hundredth message of a stream"
        DoublesFirstMessage Streams Both "sends the first message of a stream twice"
        DoublesLastMessage Streams Both "sends the last message of a stream twice"
        SwapsMessages Streams Both "sends every second message of a stream before the one before it"
        KeepsMessageUntilNext Streams Both "keeps each message of a stream until there is another"
        KeepsMessagesToTheEnd Streams Both "keeps all messages of a stream to its end"
        MixesStreams Streams Server "sends an answer to another stream than it is for"
        TakesFirstRequestAlone Streams Server "answers the first request of a stream alone"
        RefusesSecondRequest Streams Server "refuses a second request"
        RefusesNoRequests Streams Server "refuses a stream of no requests"
        EmptyMessageIsTheEnd Streams Server "takes a message of no bytes for the end of the requests"
        BuffersRequests Streams Server "answers requests once the client has half-closed"
        AnswersFirstParameters Streams Server "answers a request once, whatever it asks for"
        HalfDuplexIsFull Streams Server "answers HalfDuplexCall before the half-close"
        HalfDuplexBackwards Streams Server "answers the last request of HalfDuplexCall first"
        WaitsForNothing Streams Server "takes no notice of interval_us"
        WaitsAfterAnswers Streams Server "waits behind an answer and not before it"
        SumsLosingLast Streams Server "leaves the last message out of the sum"
        SumsLastAlone Streams Server "answers the size of the last message"
        SumsCount Streams Server "counts messages and not bytes"
        SumsWholeMessages Streams Server "adds up messages and not their payloads"
        SumsIn16Bits Streams Server "adds up in 16 bits"
        SumsAllCalls Streams Server "adds up all calls"
        SumsBeforeHalfClose Streams Server "answers the sum at the first message"
        PayloadOneShort Streams Server "answers a byte less than was asked for"
        PayloadOfOneFrame Streams Server "answers 16,384 bytes at most"
        PayloadOfOneWindow Streams Server "answers 65,535 bytes at most"
        PayloadOfOnes Streams Server "fills its payloads with ones"
        StatusWaitsForHalfClose Streams Server "keeps an early status until the half-close"
        EarlyStatusIgnored Streams Server "takes no notice of the status that a stream is to end with"
        EarlyStatusIsOk Streams Server "ends with OK, and early, for the status that a stream is to end with"
        EarlyStatusIsUnknown Streams Server "ends a stream with UNKNOWN, whatever the status"
        EarlyStatusLosesText Streams Server "loses the message of an early status"
        ResetsBeforeStatus Streams Server "resets the stream before an early status"
        HangsUpWhenEarly Streams Server "ends the connection behind an early status"
        TakesCancelForTheEnd Streams Server "takes a reset for the end of the requests"
        DeadlineUntilFirstAnswer Streams Server "heeds no deadline once it has answered"
        DeadlineUntilHalfClose Streams Server "heeds no deadline once the client has half-closed"
        DeadlineFromFirstRequest Streams Server "heeds no deadline before the first request"
        InitialEchoLost Streams Server "sends no initial metadata back on a stream"
        TrailingEchoLost Streams Server "sends no trailing metadata back on a stream"
        InitialEchoAtTheEnd Streams Server "sends initial metadata at the end"
        ExpectsNothing Streams Server "takes no notice of expect_compressed"
        UncompressedIsInternal Streams Server "answers INTERNAL to what came uncompressed"
        CompressesNothing Streams Server "compresses nothing, although it was asked to"
        CompressesUnasked Streams Server "compresses whatever the client takes compressed"
        CompressesWholeStreams Streams Server "compresses what follows a compressed answer"
        SendsFirstAlone Streams Client "sends the first message of a stream alone"
        RepeatsNothing Streams Client "sends a message once that is to be sent several times"
        AddsMessageToNone Streams Client "sends an empty message in a stream of none"
        WaitsForEachAnswer Streams Client "sends the next message when the one before is answered"
        WaitsForNoMessages Streams Client "waits for no response messages"
        WaitsForOneMore Streams Client "waits for one response message more"
        WaitsForNoHeaders Streams Client "waits for no initial metadata"
        PausesNever Streams Client "sends at once what was to be sent after a pause"
        ReadsAfterSending Streams Client "reads nothing until all is sent"
        DeliversAtTheEnd Streams Client "hands out messages at the end of the stream"
        TakesFirstAnswerAlone Streams Client "takes the first message of a stream for all of it"
        HalfClosesTooSoon Streams Client "ends its request before the last message"
        HalfClosesTwice Streams Client "ends its request twice"
        HalfClosesUponAnswer Streams Client "ends its request when an answer has come"
        HalfClosesForCancel Streams Client "ends its request instead of cancelling it"
        HalfClosesBeforeCancel Streams Client "ends its request before it cancels it"
        HalfClosesWhenLate Streams Client "ends its request when the deadline passes, and resets it"
        SwallowsCancel Streams Client "does not cancel a stream"
        SendsBehindCancel Streams Client "sends DATA behind its reset"
        GoesOnWhenOver Streams Client "sends the rest of its messages when the call is over"
        StatusWaitsForSteps Streams Client "keeps an early status until all is sent"
        EarlyEndIsCancelled Streams Client "reports CANCELLED for a status that came before all was sent"
        ResetBeatsStatus Streams Client "reports a reset behind an early status, and not the status"
        FailureLosesMessages Streams Client "reports no messages of a stream that has failed"
        StreamHeadersLost Streams Client "reports no initial metadata of a stream"
        StreamTrailersLost Streams Client "reports no trailing metadata of a stream"
        DeadlineUntilHeaders Streams Client "heeds no deadline once the headers have come"
        DeadlineUntilFirstMessage Streams Client "heeds no deadline once a message has come"
        DeadlineOfSendingAlone Streams Client "heeds its deadline only while a stream waits for room"
        LostSendingIsInternal Streams Client "reports INTERNAL for a connection that is lost while it sends"
        CompressesAgainstOrders Streams Client "compresses a message that is to go uncompressed"
        CompressesNoStream Streams Client "sends streams uncompressed, although it was to compress"
        StreamWindowLost Streams Both "gives nothing back to the window of a stream"
        ConnectionWindowLost Streams Both "gives nothing back to the window of the connection"
        ShortFramesLost Streams Both "gives nothing of short frames back to the window of a stream"
    }
    equivalents {
        ComparesQuotients Detector Server "compares z-scores: divides before it compares"

        WritesUnpacked Messages Server "writes repeated numbers one by one"
        WritesDefaults Messages Both "writes fields that have their default"
        WritesFieldsBackwards Messages Server "writes the highest field first"
        WritesLongLengths Messages Both "writes lengths with a byte to spare"

        EmptyMessageOfOk Grpc Server "sends an empty grpc-message"
        EscapesEverything Grpc Server "escapes every character of grpc-message"
        NeverTrailersOnly Grpc Server "begins every response with headers of its own"
        HeadersAtOnce Grpc Server "sends its headers before it has a message"
        NamesCodec Grpc Both "names the codec: application/grpc+proto"
        NamesGzipUnused Grpc Server "names gzip and compresses nothing"
        StoresInGzip Grpc Both "compresses with stored blocks"
        OffersEncodings Grpc Both "offers identity, too"
        JoinsDuplicates Grpc Both "joins the values of one name by commas"
        PadsBase64 Grpc Both "pads its base64"
        ExtraMetadata Grpc Both "sends metadata of its own"
        NoUserAgent Grpc Client "does not say who it is"
        UnknownMethodIs404AndStatus Grpc Server "answers HTTP status 404 with grpc-status 12 for a method that it lacks"
        ServesPages Grpc Server "answers GET with a page"
        SpeaksJson Grpc Server "answers in JSON to what is no gRPC"
        SpeaksGrpcWeb Grpc Server "speaks gRPC-Web, too"
        RefusesCodecs Grpc Server "answers HTTP status 406 to a codec that it lacks"
        RefusesWithoutTe Grpc Server "answers HTTP status 403 to a request without te"
        RefusesOddPaths Grpc Server "answers HTTP status 403 to a path that is none of gRPC's"
        KnowsItsName Grpc Server "answers HTTP status 421 to another name than its own"
        BadTimeoutIsUnavailable Grpc Server "answers UNAVAILABLE to a timeout that it cannot read"
        BadFramingIsUnavailable Grpc Server "answers UNAVAILABLE to messages that are not whole, or flagged wrongly"
        RefusesUnknownEncodings Grpc Server "refuses a call that names an unknown encoding, used or not"
        LateIsCancelledByServer Grpc Server "answers CANCELLED when a deadline has passed"
        MalformedGetsPage Http2 Server "answers a malformed request with HTTP status 403 and a page"
        MalformedGetsStatus Http2 Server "answers a malformed request with UNKNOWN"
        StreamErrorsEndAll Http2 Server "treats an error of a stream as one of the connection"
        StreamErrorsHangUp Http2 Server "closes the connection without GOAWAY at an error of a stream"
        LongHeadersEndAll Http2 Server "ends the connection for headers beyond 8 KiB"
        LimitsResets Http2 Server "takes twenty resets in a row at most"
        CountsEveryPing Http2 Server "takes two PINGs at most between its answers"
        SpeaksHttp1 Http2 Server "answers in HTTP/1 to who does not speak HTTP/2"
        Redirects Grpc Server "answers HTTP status 307 to a path that it would write otherwise"
        AnswersWithNothing Grpc Server "answers GET and HEAD with nothing, and OPTIONS with HTTP status 204"
        ReadsToTheEnd Grpc Server "reads the whole request before it refuses it"
        RefusesOddOffers Grpc Server "answers INTERNAL to a grpc-accept-encoding against the grammar"
        TakesLongMessages Grpc Client "takes messages of any length"
        DropsCancelledUnconnected Grpc Client "drops a call that is cancelled at once before it connects"
        RetriesRefusedLate Grpc Client "makes a call again that was refused behind its headers"
        TriesUntilTheDeadline Grpc Client "tries again, until its deadline, what no server has seen"
        ConnectsForEachCall Http2 Client "makes a connection for each call"
        PoolsConnections Http2 Client "spreads its calls over two connections"
        TakesOddTimeouts Grpc Server "takes a timeout with a plus or a fraction for what it says"
        TakesOddFields Http2 Both "takes fields without a name, an empty te, and a content-length of letters"
        TimeoutInMicroseconds Grpc Client "sends its deadline in microseconds"
        TimeoutWithZeros Grpc Client "sends its deadline with leading zeros"
        EndsEarlyWithoutReset Grpc Server "answers early and resets nothing"
        RefusesWithAPage Grpc Server "refuses what is no gRPC by HTTP, with a page"
        RefusesInJson Grpc Server "refuses what is no gRPC by HTTP, in JSON"
        LimitsHeaders Grpc Server "refuses headers beyond 8 KiB by HTTP, with a page"
        DetailsWithoutCode Grpc Server "sends status details that leave out the code"
        PrefixFirst Grpc Server "sends a message's prefix before it has the message"
        NamesCharset Grpc Both "adds a charset to the content-type"
        JoinsWithBlanks Grpc Both "joins the values of one name by commas and blanks"
        TimeoutRoundedUp Grpc Client "sends its deadline in whole seconds, rounded up"
        DropsEmptyValues Grpc Both "drops texts without a character"
        NeverSendsCancelled Grpc Client "does not send a call that is cancelled at once"
        FragmentIsCancelled Grpc Client "reports CANCELLED for a response that ends within a message"
        OddResetIsExhausted Grpc Client "reports RESOURCE_EXHAUSTED for a reset that has no mapping"
        BadBinaryIsUnavailable Grpc Client "reports UNAVAILABLE for metadata that is no base64"
        LongBlocksAreUnavailable Grpc Client "reports UNAVAILABLE for header blocks beyond 8 KiB"
        KnowsNoGzip Grpc Client "knows no gzip, and says so"

        PadsData Http2 Both "pads its DATA"
        SingleByteData Http2 Both "begins with DATA of one byte each"
        OddPieces Http2 Both "cuts DATA at odd places"
        SeveralMessagesInOne Http2 Server "sends several messages in one DATA"
        EmptyData Http2 Server "sends empty DATA before its messages"
        EndsWithEmptyData Http2 Client "ends its request with an empty DATA"
        ContinuesBlocks Http2 Both "cuts every header block into CONTINUATION"
        PadsHeaders Http2 Both "pads its HEADERS"
        PrioritizesHeaders Http2 Both "sends HEADERS with a priority"
        PriorityFrames Http2 Both "sends PRIORITY"
        ReversesFields Http2 Both "sends its fields in another order"
        IndexesFields Http2 Both "uses HPACK's dynamic table"
        CodesFields Http2 Both "uses Huffman's code for strings, and HPACK's fields that are never indexed"
        UnknownFrames Http2 Both "sends frames of an unknown type"
        UnknownSetting Http2 Both "announces a setting that nobody knows"
        SettingsAgain Http2 Both "sends SETTINGS twice"
        PingsOften Http2 Both "sends PING at every call"
        WidensInSteps Http2 Both "sends a WINDOW_UPDATE for each DATA"
        LargeWindows Http2 Both "announces windows of 8 MiB"
        SmallWindows Http2 Both "announces windows of 4,000 bytes"
        TakesLongFrames Http2 Both "takes frames of up to 16 MiB"
        OneStreamAtATime Http2 Server "takes one stream at a time"
        AnnouncesEnd Http2 Server "ends its connection gracefully after a hundred calls"
        InformsFirst Http2 Server "sends an informational response first"
        ResetsAfterTrailers Http2 Server "resets a stream that it has ended"
        SkipsStreams Http2 Client "leaves stream ids out"
        AnswersPingUnasked Http2 Both "answers a PING that never came"
        LargeTable Http2 Server "takes header tables of 2 MiB"
        ManySettings Http2 Both "sends SETTINGS a hundred times"
        LeavesWhenIdle Http2 Server "ends connections that are idle for half a second"
        ConnectsAnewWhenIdle Http2 Client "ends connections that are idle for a while"
        ConnectsWhenFull Http2 Client "makes another connection when one takes no more streams"
        BrokenGreetingIsInternal Http2 Client "sends no call before the server's SETTINGS, and reports INTERNAL if none can come"
        BrokenIsInternal Http2 Client "reports INTERNAL for a connection that broke the protocol, and makes no call on it"
        MalformedIsExhausted Http2 Client "reports RESOURCE_EXHAUSTED for what is malformed"
        RefusesLongHeaders Http2 Client "sends no headers that the server's limit forbids"
        ClosesWithoutGoaway Http2 Both "closes a broken connection without GOAWAY"
        LimitsSettings Http2 Both "takes 32 settings in a frame at most"
        LimitsEmptyData Http2 Client "takes two empty DATA in a row at most"
        StripsBlanks Http2 Both "takes blanks off either end of a value"

        AnswersTogether Streams Server "sends all answers to a request in one DATA"
        SendsTogether Streams Client "sends messages that follow each other in one DATA"
        CutsPrefixes Streams Both "cuts DATA within the prefixes of messages"
        PrefixesApart Streams Both "sends the prefixes of messages in DATA of their own"
        EmptyDataAmidStream Streams Both "sends empty DATA between messages"
        InterleavesStreams Streams Both "cuts DATA so that streams have their turns"
        HalfClosesApart Streams Client "ends its requests by an empty DATA, and a while later"
        PadsHalfClose Streams Client "ends its requests by DATA that is padding alone"
        HalfClosesEarlyEnded Streams Client "ends a request whose response has ended before"
        ResetsEarlyEndedWithNoError Streams Client "resets with NO_ERROR a request whose response has ended before"
        LeavesEarlyEnded Streams Client "neither ends nor resets a request whose response has ended before"
        CompressesFirstAlone Streams Client "compresses the first message of a stream alone"
        CancelsLater Streams Client "takes its time before it cancels"
        ReadsSlowly Streams Client "takes its time with every message"
        AnswersSlowly Streams Server "takes its time before every answer"
        EndsApart Streams Server "takes its time before the trailers"
        DrainsWhenEarly Streams Server "reads on for a while behind an early status"
        WidensLate Streams Both "gives windows back when they are nearly used up"
        WidensInPieces Streams Both "gives windows back in pieces of 1,000 bytes"
        WidensAtOnce Streams Both "widens the window of each stream when it is opened"
        GrowsWindows Streams Both "allows streams larger windows amid a stream"
        ShrinksWindows Streams Both "allows streams smaller windows amid a stream"
        SettingsAmidStream Streams Both "sends SETTINGS amid each stream"
        PriorityAmidStream Streams Client "sends PRIORITY amid each stream"
        PingsAmidStream Streams Server "sends PING amid each stream"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_as_many_as_are_promised_each_with_a_name_of_its_own() {
        let names: BTreeSet<String> = TABLE.iter().map(Entry::name).collect();
        assert_eq!(names.len(), TABLE.len());
        let equivalents = TABLE.iter().filter(|entry| entry.is_equivalent).count();
        assert!(TABLE.len() - equivalents >= 60, "{} defects", TABLE.len() - equivalents);
        assert!(equivalents >= 20, "{equivalents} equivalents");
    }

    #[test]
    fn a_name_finds_its_mutant() {
        assert_eq!(find("http-404-is-not-found").unwrap().mutant, Mutant::Http404IsNotFound);
        assert!(TABLE.iter().all(|entry| find(&entry.name()).unwrap().mutant == entry.mutant));
        assert!(find("none").is_none());
    }
}
