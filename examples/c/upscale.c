/* Upscales a video file into a WebM file. The plugin is linked into the program, so nothing needs to be installed.
 *
 *     make -C examples/c
 *     examples/c/upscale examples/clip/bunny-640x360.webm large.webm
 */

#include <gst/gst.h>

GST_PLUGIN_STATIC_DECLARE (rclut);

/* Waits for the end of the stream; FALSE, with the error printed, if it does not come. */
static gboolean
wait_for_end (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  gboolean ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;

  if (!ended) {
    GError *error = NULL;
    gchar *details = NULL;

    gst_message_parse_error (message, &error, &details);
    g_printerr ("%s: %s\n%s\n", GST_OBJECT_NAME (message->src), error->message,
        details ? details : "");
    g_error_free (error);
    g_free (details);
  }
  gst_message_unref (message);
  gst_object_unref (bus);
  return ended;
}

static void
set_location (GstElement * pipeline, const gchar * name, const gchar * location)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  g_object_set (element, "location", location, NULL);
  gst_object_unref (element);
}

int
main (int argc, char *argv[])
{
  GError *error = NULL;
  GstElement *pipeline;
  gboolean ended;

  gst_init (&argc, &argv);
  GST_PLUGIN_STATIC_REGISTER (rclut);

  if (argc != 3) {
    g_printerr ("usage: %s INPUT OUTPUT.webm\n", argv[0]);
    return 2;
  }
  pipeline = gst_parse_launch ("filesrc name=input ! decodebin ! rclut scale=2"
      " ! vp8enc deadline=1 cpu-used=4 target-bitrate=8000000 ! webmmux"
      " ! filesink name=output", &error);
  if (!pipeline) {
    g_printerr ("%s\n", error->message);
    g_error_free (error);
    return 1;
  }
  set_location (pipeline, "input", argv[1]);
  set_location (pipeline, "output", argv[2]);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  ended = wait_for_end (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  return ended ? 0 : 1;
}
