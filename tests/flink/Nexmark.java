// The nexmark connector's events in Flink: a table source that makes from seed and event number exactly the rows that
// runtime/connectors/src/nexmark makes, so that results of both can be compared row by row. All columns, in the order of
// the specification; texts are views of tables, which is the fastest that Flink can have them.

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;

/** The factory; the rest is nested. */
public final class Nexmark implements DynamicTableSourceFactory {
    private static final ConfigOption<Long> FIRST_RATE = ConfigOptions.key("first-event.rate").longType().defaultValue(10_000L);
    private static final ConfigOption<Long> NEXT_RATE = ConfigOptions.key("next-event.rate").longType().defaultValue(10_000L);
    private static final ConfigOption<Long> EVENTS = ConfigOptions.key("events.num").longType().noDefaultValue();
    private static final ConfigOption<Long> SEED = ConfigOptions.key("seed").longType().defaultValue(0L);

    @Override
    public String factoryIdentifier() {
        return "nexmark";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(EVENTS);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(FIRST_RATE, NEXT_RATE, SEED);
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        var options = helper.getOptions();
        List<String> columns = new ArrayList<>();
        context.getCatalogTable().getResolvedSchema().getColumns().stream()
                .filter(c -> c.isPhysical())
                .forEach(c -> columns.add(c.getName()));
        if (!columns.equals(List.of("event_type", "person", "auction", "bid"))) {
            throw new IllegalArgumentException("all columns must be declared, in order; these are: " + columns);
        }
        long seed = options.get(SEED);
        long rate = options.get(NEXT_RATE);
        return new Lanes.Scan(new Lanes(options.get(EVENTS), 256, () -> new Generator(seed, rate)::row));
    }

    /** Events by their number; the names are those of event.rs and text.rs, which say more. */
    private static final class Generator {
        private static final long GOLDEN = 0x9e3779b97f4a7c15L;
        private static final long BASE_TIME_MS = 1_704_067_200_000L;
        private static final int AUCTION = 0, BIDDER = 1, PRICE = 2, CHANNEL = 3, EXTRA = 4, ITEM_NAME = 5, DESCRIPTION = 6,
                RESERVE = 7, EXPIRES = 8, SELLER = 9, CATEGORY = 10, NAME = 11, EMAIL = 12, CREDIT_CARD = 13, CITY = 14;
        private static final int PERSONS = 1, AUCTIONS = 3, BIDS = 46, TOTAL = PERSONS + AUCTIONS + BIDS;
        private static final int PERSON_SIZE = 200, AUCTION_SIZE = 500, BID_SIZE = 100;
        private static final int STARTS = 1 << 14;
        private static final String[] HOT_CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};
        private static final int CHANNELS = 10_000;
        private static final StringData[] FIRST_NAMES = texts("Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace",
                "John", "Leslie", "Margaret", "Niklaus", "Tony");
        private static final StringData[] LAST_NAMES = texts("Allen", "Backus", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Knuth",
                "Lamport", "Liskov", "Wirth");
        private static final StringData[] CITIES = texts("Phoenix", "Tucson", "Los Angeles", "San Diego", "Boise", "Nampa",
                "Portland", "Salem", "Seattle", "Spokane", "Casper", "Cheyenne");
        private static final StringData[] STATES =
                texts("AZ", "AZ", "CA", "CA", "ID", "ID", "OR", "OR", "WA", "WA", "WY", "WY");

        private final long rate;
        private final long[] bases = new long[15];
        private final long longestMs;
        private final byte[] letters = new byte[STARTS + AUCTION_SIZE + AUCTION_SIZE / 5 + 128];
        private final StringData[] channels = new StringData[HOT_CHANNELS.length + CHANNELS];
        private final StringData[] urls = new StringData[HOT_CHANNELS.length + CHANNELS];

        Generator(long seed, long rate) {
            this.rate = rate;
            for (int draw = 0; draw < bases.length; draw++) {
                bases[draw] = random(mix(seed), draw);
            }
            longestMs = Math.max(1, Math.min(100L * TOTAL / AUCTIONS * 1000 / rate * 2, 0xffffffffL));
            for (int at = 0; at < letters.length; at++) {
                letters[at] = (byte) ('a' + below(high(random(1, at)), 26));
            }
            for (int k = 0; k < HOT_CHANNELS.length; k++) {
                channel(HOT_CHANNELS[k], k, -1);
            }
            for (int k = 0; k < CHANNELS; k++) {
                boolean hasId = below(high(random(3, k)), 10) > 0;
                channel("channel-" + k, HOT_CHANNELS.length + k, hasId ? high(random(4, k)) : -1);
            }
        }

        private static StringData[] texts(String... all) {
            StringData[] texts = new StringData[all.length];
            for (int i = 0; i < all.length; i++) {
                texts[i] = BinaryStringData.fromString(all[i]);
                ((BinaryStringData) texts[i]).ensureMaterialized();
            }
            return texts;
        }

        private void channel(String name, int number, long id) {
            channels[number] = texts(name)[0];
            StringBuilder url = new StringBuilder("https://www.nexmark.com/");
            for (int part = 0; part < 3; part++) {
                long random = random(2, number * 3L + part);
                int start = (int) (high(random) % STARTS);
                int length = 3 + below(low(random), 3);
                url.append(new String(letters, start, length, StandardCharsets.US_ASCII)).append('/');
            }
            url.append("item.htm?query=1");
            if (id >= 0) {
                url.append("&channel_id=").append(id);
            }
            urls[number] = texts(url.toString())[0];
        }

        private static long mix(long x) {
            x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
            x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
            return x ^ (x >>> 31);
        }

        private static long random(long base, long at) {
            return mix(base + at * GOLDEN);
        }

        private static long high(long x) {
            return x >>> 32;
        }

        private static long low(long x) {
            return x & 0xffffffffL;
        }

        private static int below(long bits, int bound) {
            return (int) ((bits * bound) >>> 32);
        }

        private static long belowLong(long bits, long bound) {
            return (bits * bound) >>> 32;
        }

        private static long price(long x) {
            long exponent = ((x >>> 32) * 2_675_169_849L) >>> 27;
            long whole = exponent >>> 32;
            long f = low(exponent);
            long p = 0x39dc2aceL + ((f * 0x14178b78L) >>> 32);
            p = 0xb20c49baL + ((f * p) >>> 32);
            p = (1L << 32) + ((f * p) >>> 32);
            return Math.min(((((p >>> 12) * 100) << whole) + (1 << 19)) >>> 20, 100_000_000);
        }

        private long draw(int draw, long number) {
            return random(bases[draw], number);
        }

        private StringData cut(long start, int length) {
            return BinaryStringData.fromBytes(letters, (int) (start % STARTS), length);
        }

        private StringData extra(long number, int size, int used) {
            int wanted = Math.max(0, size - used);
            int spread = (wanted + 2) / 5;
            long random = draw(EXTRA, number);
            return cut(high(random), wanted - spread + below(low(random), 2 * spread + 1));
        }

        private static long anyPerson(long last, long bits) {
            long persons = last + 1;
            long active = Math.min(persons, 1000);
            return persons - active + belowLong(bits, active + 10);
        }

        RowData row(long number) {
            long epoch = number / TOTAL;
            int offset = (int) (number % TOTAL);
            long person = epoch * PERSONS + Math.min(offset, PERSONS - 1);
            long auction = Math.max(0, epoch * AUCTIONS + Math.min(Math.max(offset + 1 - PERSONS, 0), AUCTIONS) - 1);
            long timeMs = BASE_TIME_MS + number * 1000 / rate;
            GenericRowData row = new GenericRowData(4);
            if (offset < PERSONS) {
                row.setField(0, 0);
                row.setField(1, person(number, person, timeMs));
            } else if (offset < PERSONS + AUCTIONS) {
                row.setField(0, 1);
                row.setField(2, auction(number, person, auction, timeMs));
            } else {
                row.setField(0, 2);
                row.setField(3, bid(number, person, auction, timeMs));
            }
            return row;
        }

        private RowData person(long number, long person, long timeMs) {
            long name = draw(NAME, number);
            StringData first = FIRST_NAMES[below(high(name), FIRST_NAMES.length)];
            StringData last = LAST_NAMES[below(low(name), LAST_NAMES.length)];
            int home = below(high(draw(CITY, number)), CITIES.length);
            int used = 16 + length(first) + length(last) + length(CITIES[home]) + 2 + 1 + 17 + 19;
            long email = draw(EMAIL, number);
            ByteArrayOutputStream address = new ByteArrayOutputStream(17);
            address.write(letters, (int) (high(email) % STARTS), 7);
            address.write('@');
            address.write(letters, (int) (low(email) % STARTS), 5);
            address.writeBytes(".com".getBytes(StandardCharsets.US_ASCII));
            long digits = draw(CREDIT_CARD, number);
            StringBuilder card = new StringBuilder(19);
            for (int group = 0; group < 4; group++) {
                int four = below(((digits >>> (group * 16)) & 0xffff) << 16, 10_000);
                card.append(group > 0 ? " " : "").append(four / 1000).append(four / 100 % 10).append(four / 10 % 10).append(four % 10);
            }
            return GenericRowData.of(1000 + person, StringData.fromString(first + " " + last),
                    StringData.fromBytes(address.toByteArray()), StringData.fromString(card.toString()), CITIES[home], STATES[home],
                    TimestampData.fromEpochMillis(timeMs), extra(number, PERSON_SIZE, used));
        }

        private static int length(StringData text) {
            return ((BinaryStringData) text).getSizeInBytes();
        }

        private RowData auction(long number, long person, long auction, long timeMs) {
            long words = draw(ITEM_NAME, number);
            StringData itemName = cut(high(words), 3 + below(low(words), 18));
            words = draw(DESCRIPTION, number);
            StringData description = cut(high(words), 3 + below(low(words), 98));
            long initialBid = price(draw(PRICE, number));
            long seller = draw(SELLER, number);
            long of = below(low(seller), 4) > 0 ? person / 100 * 100 : anyPerson(person, high(seller));
            return GenericRowData.of(1000 + auction, itemName, description, initialBid,
                    initialBid + price(draw(RESERVE, number)), TimestampData.fromEpochMillis(timeMs),
                    TimestampData.fromEpochMillis(timeMs + 1 + belowLong(high(draw(EXPIRES, number)), longestMs)), 1000 + of,
                    10L + below(high(draw(CATEGORY, number)), 5),
                    extra(number, AUCTION_SIZE, 56 + length(itemName) + length(description)));
        }

        private RowData bid(long number, long person, long auction, long timeMs) {
            long random = draw(AUCTION, number);
            long first = Math.max(0, auction - 100);
            long of = below(low(random), 2) > 0 ? auction / 100 * 100 : first + belowLong(high(random), auction - first + 11);
            random = draw(BIDDER, number);
            long bidder = below(low(random), 4) > 0 ? person / 100 * 100 + 1 : anyPerson(person, high(random));
            random = draw(CHANNEL, number);
            int hots = HOT_CHANNELS.length;
            int channel = (random & 1) == 1 ? below(high(random), hots) : hots + below(high(random), CHANNELS);
            return GenericRowData.of(1000 + of, 1000 + bidder, price(draw(PRICE, number)), channels[channel], urls[channel],
                    TimestampData.fromEpochMillis(timeMs), extra(number, BID_SIZE, 32));
        }
    }
}
