// Runs every golden SQL script in real Flink and records what its print sinks wrote.
//
// Decides: how a script is split into statements, which statements are awaited, and what an
// expected file holds. One JVM, one fresh streaming TableEnvironment per script.

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

public final class Oracle {
    private static final Pattern SET =
            Pattern.compile("SET\\s+'((?:[^']|'')*)'\\s*=\\s*'((?:[^']|'')*)'", Pattern.CASE_INSENSITIVE);
    private static final Pattern RESET = Pattern.compile("RESET\\s+'([^']*)'", Pattern.CASE_INSENSITIVE);
    private static final long JOB_LIMIT_SECONDS = 60;

    /** Arguments: `record` or `check`, the data folder, the scripts. Exit code 1 when a check differs. */
    public static void main(String[] args) throws Exception {
        boolean check = args[0].equals("check");
        Path data = Path.of(args[1]).toAbsolutePath().normalize();
        PrintStream console = System.out;
        int differing = 0;
        for (String arg : Arrays.asList(args).subList(2, args.length)) {
            Path script = Path.of(arg);
            String text = Files.readString(script);
            long start = System.nanoTime();
            String got = run(text, data);
            long ms = (System.nanoTime() - start) / 1_000_000;
            String name = script.getFileName().toString().replaceAll("\\.sql$", "");
            Path expected = script.resolveSibling(name + ".expected");
            String verdict;
            if (check) {
                String want = Files.exists(expected) ? Files.readString(expected) : "";
                boolean anyOrder = text.lines().anyMatch(l -> l.strip().equals("-- order: any"));
                boolean same = anyOrder ? sorted(want).equals(sorted(got)) : want.equals(got);
                verdict = same ? "same" : "DIFFERS";
                differing += same ? 0 : 1;
                if (!same) {
                    console.println("--- expected\n" + want + "--- got\n" + got + "---");
                }
            } else {
                Files.writeString(expected, got);
                verdict = got.startsWith("ERROR\n") ? got.lines().limit(2).toList().toString()
                        : got.lines().count() + " lines";
            }
            console.printf("%s: %s (%d ms)%n", name, verdict, ms);
        }
        console.flush();
        // Flink's local cluster may leave threads behind.
        Runtime.getRuntime().halt(differing == 0 ? 0 : 1);
    }

    private static List<String> sorted(String lines) {
        return lines.lines().sorted().toList();
    }

    /** The content of the expected file: the print lines, or `ERROR` and the root cause. */
    private static String run(String text, Path data) {
        ByteArrayOutputStream captured = new ByteArrayOutputStream();
        PrintStream out = System.out;
        System.setOut(new PrintStream(captured, true, StandardCharsets.UTF_8));
        String failure = null;
        Path scratch = null;
        try {
            scratch = Files.createTempDirectory("golden");
            execute(text.replace("${DATA}", data.toString()).replace("${OUT}", scratch.toString()));
        } catch (Throwable t) {
            failure = "ERROR\n" + rootMessage(t).strip() + "\n";
        } finally {
            System.setOut(out);
            delete(scratch);
        }
        String result = failure != null ? failure : captured.toString(StandardCharsets.UTF_8);
        return result.replace(data.toString(), "${DATA}").replace(String.valueOf(scratch), "${OUT}");
    }

    private static void delete(Path folder) {
        if (folder == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
        } catch (IOException ignored) {
            // Left for the system's own clean-up of temporary files.
        }
    }

    private static void execute(String text) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("parallelism.default", "1");
        conf.setString("restart-strategy.type", "none");
        TableEnvironment env = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(conf).build());
        StatementSet open = null;
        for (String statement : split(text)) {
            String bare = stripLeadingComments(statement);
            String upper = bare.toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
            Matcher set = SET.matcher(bare);
            Matcher reset = RESET.matcher(bare);
            if (set.matches()) {
                env.getConfig().set(set.group(1).replace("''", "'"), set.group(2).replace("''", "'"));
            } else if (reset.matches()) {
                // The script's environment starts with nothing set, so reset means remove.
                env.getConfig().getConfiguration().removeKey(reset.group(1));
            } else if (upper.equals("BEGIN STATEMENT SET")) {
                open = env.createStatementSet();
            } else if (upper.equals("END") && open != null) {
                await(open.execute());
                open = null;
            } else if (open != null) {
                open.addInsertSql(statement);
            } else if (upper.startsWith("INSERT") || upper.startsWith("EXECUTE")) {
                await(env.executeSql(statement));
            } else {
                env.executeSql(statement);
            }
        }
    }

    private static void await(TableResult result) throws Exception {
        try {
            result.await(JOB_LIMIT_SECONDS, TimeUnit.SECONDS);
        } finally {
            result.getJobClient().ifPresent(job -> {
                try {
                    if (!job.getJobStatus().get(5, TimeUnit.SECONDS).isGloballyTerminalState()) {
                        job.cancel().get(5, TimeUnit.SECONDS);
                    }
                } catch (Exception ignored) {
                    // The local cluster of a finished job is already gone.
                }
            });
        }
    }

    /** Splits at `;` outside quotes, back-quotes, comments and `STATEMENT SET BEGIN … END`. */
    static List<String> split(String text) {
        List<String> statements = new ArrayList<>();
        StringBuilder current = new StringBuilder();
        int i = 0;
        while (i < text.length()) {
            char c = text.charAt(i);
            int end;
            if (c == '\'' || c == '`' || c == '"') {
                end = text.indexOf(c, i + 1); // a doubled quote reads as two adjacent literals
                end = end < 0 ? text.length() : end + 1;
            } else if (text.startsWith("--", i)) {
                end = text.indexOf('\n', i);
                end = end < 0 ? text.length() : end;
            } else if (text.startsWith("/*", i)) {
                end = text.indexOf("*/", i + 2);
                end = end < 0 ? text.length() : end + 2;
            } else if (c == ';' && !insideBlock(current.toString())) {
                add(statements, current);
                current.setLength(0);
                i++;
                continue;
            } else {
                end = i + 1;
            }
            current.append(text, i, end);
            i = end;
        }
        add(statements, current);
        return statements;
    }

    private static void add(List<String> statements, StringBuilder current) {
        if (!stripLeadingComments(current.toString()).isEmpty()) {
            statements.add(current.toString().strip());
        }
    }

    private static boolean insideBlock(String statement) {
        String upper = stripLeadingComments(statement).toUpperCase(Locale.ROOT).replaceAll("\\s+", " ").strip();
        return upper.matches("(EXECUTE|EXPLAIN|COMPILE.*) STATEMENT SET BEGIN.*") && !upper.endsWith(" END");
    }

    private static String stripLeadingComments(String statement) {
        String rest = statement.strip();
        while (true) {
            if (rest.startsWith("--")) {
                int nl = rest.indexOf('\n');
                rest = nl < 0 ? "" : rest.substring(nl).strip();
            } else if (rest.startsWith("/*") && rest.indexOf("*/", 2) > 0) {
                rest = rest.substring(rest.indexOf("*/", 2) + 2).strip();
            } else {
                return rest;
            }
        }
    }

    private static String rootMessage(Throwable t) {
        Throwable root = t;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String message = root.getMessage();
        if (message == null) {
            return root.getClass().getName();
        }
        // The parser's list of expected tokens says nothing about the error; the user is this machine's.
        int expecting = message.indexOf("Was expecting one of:");
        return (expecting > 0 ? message.substring(0, expecting) : message)
                .replace("'" + System.getProperty("user.name") + "'", "'${USER}'");
    }
}
