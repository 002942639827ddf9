import com.sun.source.util.JavacTask;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.Attributes;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.TypeElement;
import javax.lang.model.util.ElementFilter;
import javax.tools.Diagnostic;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.JavaFileObject.Kind;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * java Compile SOURCE JAR MAIN CLASSPATH OPTION...
 *
 * <p>Compiles one source file, whatever its public class is called, into a jar that can be started. MAIN says what
 * starts: `none`, `main` for the program's own, or the line that RunTests prints when the tests' own, which is the last
 * in the file, has returned.
 */
public final class Compile {
    private static final int MOST_ERRORS = 5;
    private static final List<String> QUIET = List.of("-proc:none", "-Xlint:all,-serial,-options,-path,-processing");

    public static void main(String[] args) throws IOException {
        try {
            System.exit(compile(Path.of(args[0]), Path.of(args[1]), args[2], args[3]));
        } catch (StackOverflowError | OutOfMemoryError tooMuch) {
            System.err.println(args[0] + ":1:1: error: more than the compiler can hold");
            System.exit(1);
        }
    }

    private static int compile(Path source, Path jar, String main, String classpath) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<String> options = new ArrayList<>(QUIET);
        options.addAll(List.of("-classpath", classpath));
        Map<String, ByteArrayOutputStream> classes = new TreeMap<>();
        Report report = new Report(source.toString());
        JavaFileManager files = new InMemory(compiler.getStandardFileManager(null, null, null), classes);
        List<JavaFileObject> sources = List.of(new Source(source));
        JavacTask task = (JavacTask) compiler.getTask(null, files, report::add, options, null, sources);
        String started = startedBy(main, ElementFilter.typesIn(elementsOf(task)), task);
        task.generate();
        if (report.errors == 0 && started.isEmpty() && !main.equals("none")) {
            System.err.println(source + ":1:1: error: no main method");
            return 1;
        }
        if (report.errors == 0) {
            write(jar, manifest(main, classpath, started), classes);
        }
        return report.errors == 0 ? 0 : 1;
    }

    private static List<Element> elementsOf(JavacTask task) throws IOException {
        List<Element> elements = new ArrayList<>();
        task.analyze().forEach(elements::add);
        return elements;
    }

    /** The class whose main starts: a public one or else the first; with tests the last. Empty where none has one. */
    private static String startedBy(String main, List<TypeElement> types, JavacTask task) {
        List<TypeElement> startable = types.stream().filter(Compile::hasMain).collect(Collectors.toList());
        if (startable.isEmpty()) {
            return "";
        }
        TypeElement first = startable.stream().filter(type -> type.getModifiers().contains(Modifier.PUBLIC))
                .findFirst().orElse(startable.get(0));
        TypeElement chosen = main.equals("main") ? first : startable.get(startable.size() - 1);
        return task.getElements().getBinaryName(chosen).toString();
    }

    private static Manifest manifest(String main, String classpath, String started) {
        Manifest manifest = new Manifest();
        Attributes about = manifest.getMainAttributes();
        about.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        about.put(Attributes.Name.CLASS_PATH, urls(classpath));
        about.put(Attributes.Name.MAIN_CLASS, main.equals("main") ? started : "RunTests");
        about.putValue("Tests", started);
        about.putValue("Last-Line", main);
        return manifest;
    }

    private static String urls(String classpath) {
        return Stream.of(classpath.split(File.pathSeparator)).filter(path -> !path.isEmpty())
                .map(path -> Path.of(path).toUri().toString()).collect(Collectors.joining(" "));
    }

    private static boolean hasMain(TypeElement type) {
        return ElementFilter.methodsIn(type.getEnclosedElements()).stream().anyMatch(Compile::isMain);
    }

    private static boolean isMain(ExecutableElement method) {
        return method.getSimpleName().contentEquals("main")
                && method.getModifiers().containsAll(Set.of(Modifier.PUBLIC, Modifier.STATIC))
                && method.getParameters().size() == 1
                && method.getParameters().get(0).asType().toString().equals("java.lang.String[]");
    }

    private static void write(Path jar, Manifest manifest, Map<String, ByteArrayOutputStream> classes)
            throws IOException {
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            out.setLevel(0);
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            manifest.write(written);
            put(out, "META-INF/MANIFEST.MF", written.toByteArray());
            for (Map.Entry<String, ByteArrayOutputStream> each : classes.entrySet()) {
                put(out, each.getKey().replace('.', '/') + ".class", each.getValue().toByteArray());
            }
            if (!classes.containsKey("RunTests")) {
                try (InputStream runner = Compile.class.getResourceAsStream("/RunTests.class")) {
                    put(out, "RunTests.class", runner.readAllBytes());
                }
            }
        }
    }

    /** Without a time, so that the same program makes the same bytes. */
    private static void put(ZipOutputStream out, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTime(0);
        out.putNextEntry(entry);
        out.write(content);
    }

    /** What the compiler says, one place in the source per line as other compilers name it. */
    private static final class Report {
        private final String source;
        private final Set<String> said = new HashSet<>();
        private int errors;

        Report(String source) {
            this.source = source;
        }

        void add(Diagnostic<? extends JavaFileObject> found) {
            boolean isError = found.getKind() == Diagnostic.Kind.ERROR;
            errors += isError ? 1 : 0;
            String place = source + ":" + Math.max(1, found.getLineNumber()) + ":" + Math.max(1, found.getColumnNumber());
            String line = place + ": " + (isError ? "error: " : "warning: ") + found.getMessage(null);
            if (found.getKind() != Diagnostic.Kind.NOTE && said.size() < MOST_ERRORS && said.add(line)) {
                System.err.println(line);
            }
        }
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(Path path) throws IOException {
            super(URI.create("string:///" + path), Kind.SOURCE);
            text = Files.readString(path, StandardCharsets.UTF_8);
        }

        @Override
        public CharSequence getCharContent(boolean ignoreErrors) {
            return text;
        }

        @Override
        public boolean isNameCompatible(String className, Kind kind) {
            return true;
        }
    }

    private static final class InMemory extends ForwardingJavaFileManager<JavaFileManager> {
        private final Map<String, ByteArrayOutputStream> classes;

        InMemory(JavaFileManager files, Map<String, ByteArrayOutputStream> classes) {
            super(files);
            this.classes = classes;
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location where, String name, Kind kind, FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("string:///" + name.replace('.', '/') + kind.extension), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return classes.computeIfAbsent(name, unused -> new ByteArrayOutputStream());
                }
            };
        }
    }
}
