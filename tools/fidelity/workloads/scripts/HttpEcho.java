import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

/** An HTTP server that sends back what it gets, and a client that checks it. */
final class HttpEcho {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    if (args[0].equals("serve")) serve(port);
    else ask(port);
  }

  private static void serve(int port) throws Exception {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 100);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      byte[] body = exchange.getRequestBody().readAllBytes();
      exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }

  private static void ask(int port) throws Exception {
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var random = new Random(1);
    var answers = new ArrayList<CompletableFuture<Void>>();
    for (int size : new int[] {0, 1, 1000, 60000, 1000000}) {
      for (int i = 0; i < 6; i++) {
        byte[] body = new byte[size];
        random.nextBytes(body);
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/"))
            .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
        answers.add(client.sendAsync(request, BodyHandlers.ofByteArray()).thenAccept(response -> {
          if (!Arrays.equals(response.body(), body)) throw new IllegalStateException(size + " bytes changed");
        }));
      }
    }
    for (var answer : answers) answer.get();
    System.exit(0);
  }
}
