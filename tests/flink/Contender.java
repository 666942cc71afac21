// Runs SQL scripts in Flink, one after the other in one warm JVM, and says what each took. For `make bench-flink`.
//
// A line on standard input is the path of a script; its SETs configure the job. The answer is a line on standard output:
// `RESULT <net milliseconds> <CPU milliseconds of this process> <largest resident bytes>`, or `ERROR <message>`. Net is
// from the job's start on its cluster to its end, without planning and without starting the cluster. What print sinks
// write comes before the answer.

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

public final class Contender {
    private static final Pattern SET = Pattern.compile("SET\\s+'([^']*)'\\s*=\\s*'([^']*)'", Pattern.CASE_INSENSITIVE);
    private static final long LIMIT_MINUTES = 30;

    public static void main(String[] args) throws Exception {
        var cpu = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                String text = Files.readString(Path.of(line.strip()));
                System.gc();
                forgetPeak();
                long before = cpu.getProcessCpuTime();
                long net = run(text);
                long used = (cpu.getProcessCpuTime() - before) / 1_000_000;
                answer = "RESULT " + net + " " + used + " " + peak();
            } catch (Throwable t) {
                Throwable cause = t;
                while (cause.getCause() != null) {
                    cause = cause.getCause();
                }
                answer = "ERROR " + String.valueOf(cause).replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
        // The last local cluster may leave threads behind.
        Runtime.getRuntime().halt(0);
    }

    /** Net milliseconds of the statements that start a job. */
    private static long run(String text) throws Exception {
        Configuration conf = new Configuration();
        List<String> statements = new ArrayList<>();
        for (String part : text.split(";")) {
            String statement = part.strip();
            Matcher set = SET.matcher(statement);
            if (set.matches()) {
                conf.setString(set.group(1), set.group(2));
            } else if (!statement.isEmpty()) {
                statements.add(statement);
            }
        }
        TableEnvironment env = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(conf).build());
        long net = 0;
        for (String statement : statements) {
            TableResult result = env.executeSql(statement);
            if (statement.toUpperCase(Locale.ROOT).startsWith("INSERT")) {
                JobClient job = result.getJobClient().orElseThrow();
                JobExecutionResult done = job.getJobExecutionResult().get(LIMIT_MINUTES, TimeUnit.MINUTES);
                net += done.getNetRuntime();
            }
        }
        return net;
    }

    /** Linux counts the largest resident size anew from here. */
    private static void forgetPeak() throws IOException {
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
    }

    private static long peak() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        throw new IOException("no VmHWM in /proc/self/status");
    }
}
