// A bounded source of rows that are functions of their number: as many splits as subtasks, which take turns by blocks of
// numbers, as our sources do. Built on Flink's own iterator source.

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongFunction;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.lib.util.IteratorSourceEnumerator;
import org.apache.flink.api.connector.source.lib.util.IteratorSourceReader;
import org.apache.flink.api.connector.source.lib.util.IteratorSourceSplit;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.SourceProvider;
import org.apache.flink.table.data.RowData;

/** The source; the rest is nested. */
public final class Lanes implements Source<RowData, Lanes.Lane, Collection<Lanes.Lane>> {
    /** Makes what makes a row of its number, for one reader. */
    public interface Maker extends Serializable {
        LongFunction<RowData> start();
    }

    private final long count;
    private final int block;
    private final Maker maker;

    Lanes(long count, int block, Maker maker) {
        this.count = count;
        this.block = block;
        this.maker = maker;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public SourceReader<RowData, Lane> createReader(SourceReaderContext context) {
        return new IteratorSourceReader<>(context);
    }

    @Override
    public SplitEnumerator<Lane, Collection<Lane>> createEnumerator(SplitEnumeratorContext<Lane> context) {
        int lanes = context.currentParallelism();
        List<Lane> all = new ArrayList<>();
        for (int lane = 0; lane < lanes; lane++) {
            all.add(new Lane(this, lane, lanes, (long) lane * block));
        }
        return new IteratorSourceEnumerator<>(context, all);
    }

    @Override
    public SplitEnumerator<Lane, Collection<Lane>> restoreEnumerator(
            SplitEnumeratorContext<Lane> context, Collection<Lane> rest) {
        return new IteratorSourceEnumerator<>(context, rest);
    }

    @Override
    public SimpleVersionedSerializer<Lane> getSplitSerializer() {
        return new LaneSerializer(this);
    }

    @Override
    public SimpleVersionedSerializer<Collection<Lane>> getEnumeratorCheckpointSerializer() {
        return new LanesSerializer(this);
    }

    /** A split: the blocks `lane`, `lane + lanes`, … from number `next` on. */
    public record Lane(Lanes of, int lane, int lanes, long next)
            implements IteratorSourceSplit<RowData, LaneIterator>, Serializable {
        @Override
        public String splitId() {
            return Integer.toString(lane);
        }

        @Override
        public LaneIterator getIterator() {
            return new LaneIterator(this);
        }

        @Override
        public IteratorSourceSplit<RowData, LaneIterator> getUpdatedSplitForIterator(LaneIterator at) {
            return new Lane(of, lane, lanes, at.next);
        }
    }

    /** The rows of a split. */
    public static final class LaneIterator implements Iterator<RowData> {
        private final Lanes of;
        private final int lanes;
        private final LongFunction<RowData> row;
        private long next;

        private LaneIterator(Lane lane) {
            of = lane.of;
            lanes = lane.lanes;
            next = lane.next;
            row = of.maker.start();
        }

        @Override
        public boolean hasNext() {
            return next < of.count;
        }

        @Override
        public RowData next() {
            RowData made = row.apply(next++);
            if (next % of.block == 0) {
                next += (long) of.block * (lanes - 1);
            }
            return made;
        }
    }

    private static void write(Lane lane, ByteBuffer to) {
        to.putInt(lane.lane).putInt(lane.lanes).putLong(lane.next);
    }

    private static Lane read(Lanes of, ByteBuffer from) {
        return new Lane(of, from.getInt(), from.getInt(), from.getLong());
    }

    private record LaneSerializer(Lanes of) implements SimpleVersionedSerializer<Lane> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Lane lane) {
            ByteBuffer buffer = ByteBuffer.allocate(16);
            write(lane, buffer);
            return buffer.array();
        }

        @Override
        public Lane deserialize(int version, byte[] bytes) {
            return read(of, ByteBuffer.wrap(bytes));
        }
    }

    private record LanesSerializer(Lanes of) implements SimpleVersionedSerializer<Collection<Lane>> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Collection<Lane> lanes) {
            ByteBuffer buffer = ByteBuffer.allocate(16 * lanes.size());
            lanes.forEach(lane -> write(lane, buffer));
            return buffer.array();
        }

        @Override
        public Collection<Lane> deserialize(int version, byte[] bytes) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            List<Lane> lanes = new ArrayList<>();
            while (buffer.hasRemaining()) {
                lanes.add(read(of, buffer));
            }
            return lanes;
        }
    }

    /** A table over such a source. */
    record Scan(Lanes rows) implements ScanTableSource {
        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }

        @Override
        public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
            return SourceProvider.of(rows);
        }

        @Override
        public DynamicTableSource copy() {
            return this;
        }

        @Override
        public String asSummaryString() {
            return "lanes";
        }
    }
}
