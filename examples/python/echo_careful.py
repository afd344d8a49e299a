from proapi import ProAPI
app = ProAPI()

@app.websocket("/ws")
async def websocket_handler(websocket):
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_text()
            await websocket.send_text(f"Echo: {message}")
    except Exception as e:
        print(f"WebSocket error: {e}")
    finally:
        if not websocket.closed:
            await websocket.close()

if __name__ == "__main__":
    app.run(fast=True)
